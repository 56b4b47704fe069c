"""A trained teacher for every test that needs one."""

from pathlib import Path
from typing import Any

import pytest

from tests.core.distillation.students import STEPS, job
from tests.core.training.reference.jobs import CASES


@pytest.fixture
def data(request: pytest.FixtureRequest) -> Any:
    return lambda case: request.getfixturevalue(CASES[case].data)


@pytest.fixture
def taught(pretrain: Any, tmp_path: Path, data: Any) -> Any:
    """Trains a teacher and returns its checkpoint."""

    def teach(case: str, **model: Any) -> Path:
        spec = job(case)
        spec["model"] |= model
        engine = pretrain(spec, tmp_path / "teacher", data=data(case))
        assert engine.end() == {"exit": 0}, engine.log.read_text()
        return tmp_path / "teacher" / f"step-{STEPS:08d}"

    return teach
