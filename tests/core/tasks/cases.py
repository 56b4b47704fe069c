"""Objectives of the small jobs of every task."""

import copy
from pathlib import Path
from typing import Any

import pytest

from core.data import data_files, prepare_for
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from tests.core.training.reference.jobs import CASES


def objective_of(name: str, request: pytest.FixtureRequest, cache: Path, **changes: dict[str, Any]) -> Any:
    """The objective of one of `CASES`; ``changes`` are merged into its document."""
    case = CASES[name]
    document = copy.deepcopy(case.document)
    for part, values in changes.items():
        document[part] = document[part] | values
    job = validate(document)
    path: Path = request.getfixturevalue(case.data)
    return create_objective(job, prepare_for(job, data_files([path], job.task.modality), cache))
