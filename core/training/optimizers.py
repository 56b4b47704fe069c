"""Optimisers from their specs."""

from collections.abc import Iterable

import torch

from core.spec import AdamW, Optimizer

NamedParameters = Iterable[tuple[str, torch.nn.Parameter]]


def create_optimizer(spec: Optimizer, parameters: NamedParameters) -> torch.optim.Optimizer:
    """The optimiser that ``spec`` describes, fused: one pass over the parameters a step.

    Matrices are decayed; biases, norms and other vectors are not.
    """
    assert isinstance(spec, AdamW)
    trained = [(name, parameter) for name, parameter in parameters if parameter.requires_grad]
    matrices = [(name, parameter) for name, parameter in trained if parameter.ndim >= 2]
    vectors = [(name, parameter) for name, parameter in trained if parameter.ndim < 2]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": spec.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=spec.learning_rate,
        betas=(spec.beta1, spec.beta2),
        eps=spec.epsilon,
        fused=True,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Train with ``learning_rate`` from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimiser's state as ``<quantity>/<parameter name>``, live tensors."""
    return {
        f"{quantity}/{name}": value
        for name, parameter in _named(optimizer)
        for quantity, value in optimizer.state.get(parameter, {}).items()
    }


def load_optimizer_tensors(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Continue from the tensors that `optimizer_tensors` gave.

    Raises:
        KeyError: when a parameter's state is missing.
    """
    by_name: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        quantity, _, name = key.partition("/")
        by_name.setdefault(name, {})[quantity] = tensor
    state = optimizer.state_dict()
    state["state"] = {index: by_name[name] for index, (name, _) in enumerate(_named(optimizer))}
    optimizer.load_state_dict(state)


def _named(optimizer: torch.optim.Optimizer) -> list[tuple[str, torch.nn.Parameter]]:
    return [
        pair
        for group in optimizer.param_groups
        for pair in zip(group["param_names"], group["params"], strict=True)
    ]
