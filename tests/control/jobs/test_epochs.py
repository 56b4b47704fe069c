"""Jobs of epochs: what is refused at submit, and forks that change between epochs and steps."""

from typing import Any

import pytest

from control.db import WriteSession
from control.errors import Invalid
from control.jobs import service as jobs
from control.jobs.schemas import ForkIn
from control.lifecycle.presenters import progress
from control.lifecycle.reports import engine_prepared
from tests.factories import make_checkpoint, make_dataset, make_job, make_project, make_running, make_spec

TRAINING: dict[str, Any] = {"epochs": 2, "batch_size": 8, "sequence_length": 64}
FACTS = {"cached": False, "parameters": 1, "samples": 100, "steps": 25, "steps_per_epoch": 12.5}


def test_the_steps_are_unknown_until_the_data_are_prepared(session: WriteSession) -> None:
    job, claim = make_running(session, training=TRAINING)
    shown = progress(job)
    assert (shown.steps, shown.epoch, shown.epochs, shown.fraction) == (None, None, None, 0.0)

    engine_prepared(session, job.id, claim.attempt, FACTS)
    shown = progress(job)
    assert (shown.steps, shown.epoch, shown.epochs) == (25, 0.0, 2.0)


def test_a_job_of_steps_tells_its_epochs_too(session: WriteSession) -> None:
    job, claim = make_running(session)
    assert (progress(job).steps, progress(job).epochs) == (100, None)
    engine_prepared(session, job.id, claim.attempt, FACTS | {"steps": 100})
    assert progress(job).epochs == 8.0


def test_what_fits_no_possible_number_of_steps_is_refused_at_submit(session: WriteSession) -> None:
    project = make_project(session)
    spec = make_spec(
        make_dataset(session, project), training=TRAINING | {"schedule": {"warmup_steps": 50_000_000}}
    )
    with pytest.raises(Invalid) as caught:
        jobs.submit(session, project, spec)
    (problem,) = caught.value.errors
    assert (caught.value.status, problem.code) == (422, "more_than_steps")
    assert "2 epochs of this dataset are at most" in problem.message


def _parent(session: WriteSession, step: int, **training: Any) -> tuple[str, str]:
    job, claim = make_running(session, training={**TRAINING, **training})
    make_checkpoint(session, claim, step=step)
    return job.project_id, job.id


@pytest.mark.parametrize(
    ("given", "changed", "steps"),
    [
        ({}, {"epochs": 5}, None),
        ({}, {"steps": 900}, 900),
        ({"epochs": None, "steps": 100}, {"epochs": 5}, None),
        ({"epochs": None, "steps": 100}, {"steps": 900}, 900),
    ],
)
def test_a_fork_changes_between_epochs_and_steps(
    session: WriteSession, given: dict[str, Any], changed: dict[str, Any], steps: int | None
) -> None:
    project, parent = _parent(session, 3, **given)
    fork = jobs.fork(session, project, parent, ForkIn(changes={"training": changed}))
    assert fork.steps == steps
    assert fork.spec["training"]["epochs"] == changed.get("epochs")


def test_a_fork_that_is_over_before_it_begins_is_refused(session: WriteSession) -> None:
    project, parent = _parent(session, 90_000_000)
    with pytest.raises(Invalid) as caught:
        jobs.fork(session, project, parent, ForkIn(changes={"training": {"epochs": 2.5}}))
    assert [(problem.param, problem.code) for problem in caught.value.errors] == [
        ("training.epochs", "steps_done")
    ]


def test_warnings_about_intervals_use_the_upper_bound(session: WriteSession) -> None:
    job = make_job(session, training=TRAINING | {"checkpoint_every": 1_000})
    assert not [event for event in jobs.events(session, job.id) if event.code == "spec_warning"]
