"""An interval that a worker would not keep causes a warning at submit."""

from typing import Any

import pytest

from control.db import WriteSession
from control.jobs import service as jobs
from control.jobs.cadence import warnings
from control.settings import settings
from tests.factories import make_dataset, make_job, make_project, make_spec

TRAINING: dict[str, Any] = {
    "steps": 100_000_000,
    "batch_size": 8,
    "sequence_length": 64,
    "log_every": 100_000,
}
EVERY_STEP = TRAINING | {"checkpoint_every": 1, "retention": {"keep_every": 1}}


@pytest.mark.parametrize(
    ("training", "params"),
    [
        ({"checkpoint_every": 1}, ["training.checkpoint_every"]),
        ({"checkpoint_every_seconds": 0.1}, ["training.checkpoint_every_seconds"]),
        ({"checkpoint_every_seconds": 60}, []),
        ({"checkpoint_every": 1_000_000}, []),
        ({"steps": 500, "checkpoint_every": 1, "log_every": 1}, []),
        ({"log_every": 1}, ["training.log_every"]),
        ({"evaluate_every": 10}, ["training.evaluate_every"]),
    ],
)
def test_an_interval_that_is_too_short_is_named(training: dict[str, Any], params: list[str]) -> None:
    spec = make_spec(None, training=TRAINING | training)
    steps = spec.training.total_steps
    found = warnings(spec, steps, checkpoint_seconds=10, point_seconds=1)
    assert [warning.param for warning in found] == params
    assert warnings(spec, steps, checkpoint_seconds=0, point_seconds=0) == []
    assert warnings(spec, None, checkpoint_seconds=10, point_seconds=1) == [
        warning for warning in found if "seconds" in warning.param
    ]


def test_submit_and_validate_warn_of_it(session: WriteSession) -> None:
    project = make_project(session)
    spec = make_spec(make_dataset(session, project), training=EVERY_STEP)
    told = jobs.validate_document(session, project, spec.model_dump(mode="json"))
    assert told.valid
    assert "checkpoints_too_frequent" in [warning.code for warning in told.warnings]
    job = jobs.submit(session, project, spec)
    (event,) = [event for event in jobs.events(session, job.id) if event.type == "warning"]
    assert event.data == {"code": "checkpoints_too_frequent", "param": "training.checkpoint_every"}
    assert f"{settings().checkpoint_seconds:g} s apart" in event.message


def test_an_ordinary_job_has_no_warning(session: WriteSession) -> None:
    job = make_job(session)
    assert [event.type for event in jobs.events(session, job.id)] == ["queued"]
