"""Converts optimisers' state to named tensors, as a checkpoint stores it, and back."""

from collections.abc import Mapping

import torch


def state_of(optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, torch.Tensor]:
    """The state of some optimisers as ``<optimiser>/<quantity>/<parameter name>``, live tensors."""
    return {
        f"{name}/{key}": tensor
        for name, optimizer in optimizers.items()
        for key, tensor in optimizer_tensors(optimizer).items()
    }


def load_state(optimizers: Mapping[str, torch.optim.Optimizer], tensors: Mapping[str, torch.Tensor]) -> None:
    """Continue from the tensors that `state_of` gave.

    Raises:
        KeyError: when a parameter's state is missing.
    """
    for name, optimizer in optimizers.items():
        prefix = f"{name}/"
        own = {key.removeprefix(prefix): t for key, t in tensors.items() if key.startswith(prefix)}
        load_optimizer_tensors(optimizer, own)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimiser's state as ``<quantity>/<parameter name>``, live tensors."""
    return {
        f"{quantity}/{name}": value
        for name, parameter in _named(optimizer)
        for quantity, value in optimizer.state.get(parameter, {}).items()
    }


def load_optimizer_tensors(optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Continue from the tensors that `optimizer_tensors` gave.

    A parameter that is not trained yet has none.

    Raises:
        KeyError: when a trained parameter's state is missing.
    """
    by_name: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        quantity, _, name = key.partition("/")
        by_name.setdefault(name, {})[quantity] = tensor
    state = optimizer.state_dict()
    state["state"] = {
        index: by_name[name]
        for index, (name, parameter) in enumerate(_named(optimizer))
        if parameter.requires_grad or name in by_name
    }
    optimizer.load_state_dict(state)


def _named(optimizer: torch.optim.Optimizer) -> list[tuple[str, torch.nn.Parameter]]:
    return [
        pair
        for group in optimizer.param_groups
        for pair in zip(group["param_names"], group["params"], strict=True)
    ]
