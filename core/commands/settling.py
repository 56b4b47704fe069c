"""What a job's spec says, and what is decided for it once its data are prepared and the machine is known."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from core.data import Prepared
from core.errors import EngineError
from core.spec.epochs import with_steps
from core.spec.job import JobSpec
from core.spec.problems import load
from core.training.batch_size_search import decide_batch_size
from core.training.decisions import Decisions
from core.training.devices import Place
from core.training.steps import decide_steps, with_most_steps
from core.training.trials import decide_compile, decide_precision


def settle(
    job: JobSpec, data: Prepared, place: Place, decisions: Decisions, *, scale: float = 1.0
) -> tuple[JobSpec, Place]:
    """The job and the place with every ``auto`` decided, precision first: memory use and speed depend on it. Epochs become steps
    once the batch size is known.

    Args:
        scale: How many times as large as ``data`` the job's own data are.

    Raises:
        SpecError: a field that is relative to the steps does not fit their number.
    """
    wanted, chosen = job.training, decisions.choices
    tried, samples = job, 0
    if "steps" in chosen:
        tried = with_steps(job, int(chosen["steps"]))
    elif wanted.epochs is not None:
        tried, samples = with_most_steps(decisions.apply(job), data, scale)
    if wanted.precision == "auto" and "precision" not in chosen:
        place = replace(place, precision=decide_precision(tried, data, place, decisions))
    if wanted.batch_size == "auto" and "batch_size" not in chosen:
        decide_batch_size(tried, data, place, decisions)
    if wanted.epochs is not None:
        if "steps" not in chosen:
            decide_steps(decisions.apply(job), samples, decisions)
        with_steps(job, int(chosen["steps"]))  # checks the fields that are relative to the steps
    if wanted.compile == "auto" and "compile" not in chosen:
        decide_compile(decisions.apply(job), data, place, decisions)
    return decisions.apply(job), place


def load_spec(path: Path) -> JobSpec:
    """
    Raises:
        SpecError: it is not valid; EngineError: it cannot be read.
    """
    try:
        return load(path)
    except OSError as error:
        raise EngineError(
            "spec_invalid",
            f"The spec {path} cannot be read: {error.strerror}.",
            "Give the path of a YAML or JSON file.",
            case="unreadable",
            path=path,
            error=error.strerror,
        ) from None


def environment_of(place: Place) -> dict[str, Any]:
    """Properties of the machine on which the last bits of a run's numbers depend, besides its spec and data."""
    return {
        "device": str(place.device),
        "device_name": place.name,
        "threads": torch.get_num_threads(),
        "precision": place.precision,
        "torch": torch.__version__,
    }
