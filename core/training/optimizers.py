"""Creates optimisers from their specs, and sets their learning rate."""

from collections.abc import Sequence

import torch

from core.errors import EngineError
from core.objectives.base import Objective
from core.spec.optimizers import Adafactor, AdamW, Muon, Optimizer
from core.training.parameters import Parameter, grouped, trained


def create_optimizers(spec: Optimizer, objective: Objective) -> dict[str, torch.optim.Optimizer]:
    """The optimisers of a spec for each set of parameters that the objective names.

    Fused where torch supports it: one pass over the parameters per step. Muon gives two optimisers, ``<name>`` for
    the blocks' matrices and ``<name>.adamw`` for the rest.

    Raises:
        EngineError: ``spec_invalid`` if the spec needs a network with blocks and this one has none.
    """
    created: dict[str, torch.optim.Optimizer] = {}
    for name, named in objective.optimizers().items():
        parameters = trained(objective, named)
        _require_blocks(spec, parameters)
        if isinstance(spec, Muon):
            matrices = [parameter for parameter in parameters if parameter.is_hidden_matrix]
            others = [parameter for parameter in parameters if not parameter.is_hidden_matrix]
            created[name] = _muon(spec, matrices)
            if others:
                created[f"{name}.adamw"] = _adamw(spec, others)
        else:
            created[name] = (
                _adamw(spec, parameters) if isinstance(spec, AdamW) else _adafactor(spec, parameters)
            )
    return created


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set the learning rate from the next step on; each parameter group gets its share of it."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group["rate"]


def _adamw(spec: AdamW | Muon, parameters: Sequence[Parameter]) -> torch.optim.Optimizer:
    rate = spec.adamw_learning_rate if isinstance(spec, Muon) else None
    scale = 1.0 if rate is None else rate / spec.learning_rate
    return torch.optim.AdamW(
        grouped(
            parameters,
            weight_decay=spec.weight_decay,
            decay_embeddings=spec.decay_embeddings,
            layer_decay=spec.layer_decay,
            scale=scale,
        ),
        lr=spec.learning_rate,
        betas=(spec.beta1, spec.beta2),
        eps=spec.epsilon,
        fused=True,
    )


def _muon(spec: Muon, parameters: Sequence[Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Muon(
        grouped(
            parameters,
            weight_decay=spec.weight_decay,
            decay_embeddings=spec.decay_embeddings,
            layer_decay=spec.layer_decay,
        ),
        lr=spec.learning_rate,
        momentum=spec.momentum,
        adjust_lr_fn="match_rms_adamw",
    )


def _adafactor(spec: Adafactor, parameters: Sequence[Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Adafactor(
        grouped(
            parameters,
            weight_decay=spec.weight_decay,
            decay_embeddings=spec.decay_embeddings,
            layer_decay=spec.layer_decay,
        ),
        lr=spec.learning_rate,
        beta2_decay=spec.beta2_decay,
        d=spec.clip_threshold,
    )


def _require_blocks(spec: Optimizer, parameters: Sequence[Parameter]) -> None:
    if isinstance(spec, Muon) and not any(parameter.is_hidden_matrix for parameter in parameters):
        what, remedy = "muon", "another training.optimizer.kind"
    elif spec.layer_decay < 1.0 and not any(parameter.in_block for parameter in parameters):
        what, remedy = "layer_decay", "training.optimizer.layer_decay 1"
    else:
        return
    raise EngineError(
        "spec_invalid",
        f"training.optimizer asks for {what}, and this task's network has no stack of blocks for it.",
        f"Choose {remedy}.",
        case="no_blocks",
        setting=what,
        remedy=remedy,
    )
