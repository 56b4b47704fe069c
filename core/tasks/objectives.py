"""Creates the objective of a job's task."""

import importlib
from collections.abc import Callable
from pathlib import Path

from core.adaptation.adapt import adapt
from core.data import Prepared
from core.errors import EngineError
from core.objectives.base import OBJECTIVES, Objective
from core.spec.adaptation import Full
from core.spec.job import JobSpec
from core.tasks.registry import objective_module, packages


def create_objective(
    job: JobSpec,
    data: Prepared,
    encoder: Path | None = None,
    *,
    begin: Callable[[Objective], object] | None = None,
) -> Objective:
    """The objective for a job's task, adapted as the job's ``adaptation`` says.

    Args:
        encoder: a checkpoint with the encoder's weights; all other weights are fresh. None: all are.
        begin: gives the objective other weights, before it is adapted.

    Raises:
        EngineError: ``task_unavailable``: an installed package provides the task, and its objective cannot be used;
            ``checkpoint_mismatch``: the encoder does not fit.
    """
    objective = _fresh(job, data)
    if encoder is not None:
        objective.start_from_encoder(encoder)
    if begin is not None:
        begin(objective)
    if not isinstance(job.adaptation, Full):
        root, learned = objective.bundle.root, objective.learned_encoder
        assert root is not None
        assert learned is not None
        objective.adapted = adapt(
            root.model, learned, job.adaptation, job.network_size, seed=job.training.seed
        )
    return objective


def _fresh(job: JobSpec, data: Prepared) -> Objective:
    """The objective with fresh weights, not adapted."""
    kind, spec = job.task.kind, type(job.task)
    module = objective_module(spec)
    if kind not in packages():
        importlib.import_module(module)
        return OBJECTIVES[spec].create(job, data)
    try:
        importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise _unavailable(kind, f"{module} cannot be imported: {type(error).__name__}: {error}") from error
    if spec not in OBJECTIVES:
        raise _unavailable(kind, f"{module} has no class with the decorator @objective_for({spec.__name__})")
    return OBJECTIVES[spec].create(job, data)


def _unavailable(kind: str, why: str) -> EngineError:
    return EngineError(
        "task_unavailable",
        f"The task {kind!r} of the package {packages()[kind]} cannot be trained here: {why}.",
        "Install a version of the package that works, with what it needs, in the environment of every worker; restart the "
        "workers, then retry the job.",
        task=kind,
        package=packages()[kind],
        error=why,
    )
