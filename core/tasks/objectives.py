"""From a job to the objective of its task."""

import importlib

from core.data import Prepared
from core.objectives.base import OBJECTIVES, Objective
from core.spec.job import JobSpec
from core.tasks.registry import objective_module


def create_objective(job: JobSpec, data: Prepared) -> Objective:
    """The objective for a job's task, with fresh weights."""
    importlib.import_module(objective_module(type(job.task)))
    return OBJECTIVES[type(job.task)].create(job, data)
