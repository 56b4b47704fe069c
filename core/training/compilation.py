"""Compiles networks with ``torch.compile``; they stay uncompiled (eager) where compilation fails."""

import torch

from core.events import Events
from core.objectives.base import Batch, Objective
from core.training.devices import Place
from core.training.memory import is_out_of_memory


def compile_or_fall_back(objective: Objective, batch: Batch, place: Place, events: Events) -> bool:
    """Compile the networks and try them, forward and backward, on a batch of the run's shape.

    Errors (no compiler on the machine, an operation without a lowering) occur here, before the first step: then a
    ``warning`` states the reason, and the run continues uncompiled.

    Returns:
        Whether they are compiled.
    """
    compiled = True
    objective.compile_networks()
    # A forward pass changes a batch norm's running averages; the trial must not change them.
    before = {name: buffer.clone() for name, buffer in objective.named_buffers()}
    try:
        with place.autocast():
            losses = objective(batch.to(place.device))
        losses.total.backward()
    except Exception as error:
        if is_out_of_memory(error):
            raise
        for module in objective.modules():
            module._compiled_call_impl = None  # noqa: SLF001 - torch cannot undo Module.compile
        torch.compiler.reset()
        compiled = False
        reason = (str(error).strip().splitlines() or [repr(error)])[0]
        events.warn(
            "compile_failed", f"torch.compile failed; the run continues without it: {reason}", reason=reason
        )
    for name, buffer in objective.named_buffers():
        buffer.copy_(before[name])
    objective.zero_grad(set_to_none=True)
    return compiled
