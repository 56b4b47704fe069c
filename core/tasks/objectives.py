"""Creates the objective of a job's task."""

import importlib

from core.data import Prepared
from core.errors import EngineError
from core.objectives.base import OBJECTIVES, Objective
from core.spec.job import JobSpec
from core.tasks.registry import objective_module, packages


def create_objective(job: JobSpec, data: Prepared) -> Objective:
    """The objective for a job's task, with fresh weights.

    Raises:
        EngineError: ``task_unavailable``: an installed package provides the task, and its objective cannot be used.
    """
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
