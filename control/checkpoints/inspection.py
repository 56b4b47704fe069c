"""Inspects an uploaded file of a checkpoint in a child process with a budget, as `control.datasets.inspection` does for data."""

from typing import Any

from control.inspection.budgets import QUICK_BYTES, budget_for
from control.inspection.running import Handle, InputFile, run
from control.inspection.server import InspectionServer
from control.storage import Stage


def is_quick(file_bytes: int, name: str) -> bool:
    """Whether a file is inspected without waiting behind larger ones: of weights only the list of tensors is read."""
    return file_bytes <= QUICK_BYTES or name.endswith(".safetensors")


def inspect(
    server: InspectionServer, stage: Stage, name: str, handle: Handle | None = None
) -> dict[str, Any]:
    """What a staged file contains, for `core.formats.published.checking`; blocks until the child has ended.

    Raises:
        Invalid: it can be no part of a checkpoint, with the code of `core.formats`; and what `run` raises.
    """
    quick = is_quick(stage.bytes, name)
    budget = budget_for(0 if name.endswith(".safetensors") else stage.bytes, quick=quick)
    request = {"task": "checkpoint_file", "name": name}
    with stage.open() as file:
        answer = run(server, request, InputFile(file, stage.bytes), budget, name=name, handle=handle)
    report: dict[str, Any] = answer["report"]
    return report
