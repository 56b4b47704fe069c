"""Every event has a code of the catalogue, and its sentence is made of that code and its parameters alone."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from control.checkpoints.deletion import delete
from control.db import WriteSession, read, write
from control.jobs import service as jobs
from control.jobs.schemas import ForkIn
from control.lifecycle.event_codes import CATALOGUE, OTHER, nested, sentence
from control.lifecycle.events import record
from control.lifecycle.intents import preempt
from control.lifecycle.models import Event
from control.lifecycle.outcomes import lease_expired
from control.samples.service import commit_sample
from control.settings import Settings
from control.storage import open_storage
from tests.factories import make_checkpoint, make_in_state, make_job, make_running, make_worker

ROOT = Path(__file__).parents[3]
COMPOSED = {
    *(f"{verb}_requested" for verb in ("cancel", "pause")),
    *(f"{state}_before_run" for state in ("cancelled", "paused")),
    *(f"{code}_before_stop" for code in ("steps_done", "stopped_early", "result_made")),
    *(f"{thing}_{how}" for thing in ("checkpoint", "result") for how in ("refused", "not_stored")),
}
"""Codes that are composed where they are used."""
RECORDERS = {"record", "record_event", "transition", "_set_intent", "_event"}


def _sources() -> Iterator[tuple[Path, ast.Module]]:
    for room in ("control", "worker", "api"):
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path, ast.parse(path.read_text())


def _calls() -> Iterator[tuple[Path, str, ast.Call]]:
    for path, tree in _sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                yield path, name, node


def _strings(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_events_are_written_by_one_function() -> None:
    made = {
        str(path.relative_to(ROOT))
        for path, name, call in _calls()
        if name == "Event" and any(word.arg == "job_id" for word in call.keywords)
    }
    assert made == {"control/lifecycle/events.py"}


def test_each_code_that_is_used_is_in_the_catalogue() -> None:
    used = {
        argument.value
        for _, name, call in _calls()
        if name in RECORDERS
        for argument in [*call.args, *(word.value for word in call.keywords if word.arg == "code")]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    } - {"pause", "cancel", "preempt", "queued", "running", "paused", "succeeded", "failed", "cancelled"}
    assert used
    assert used <= CATALOGUE.keys()
    assert CATALOGUE.keys() >= COMPOSED


def test_each_code_of_the_catalogue_is_used() -> None:
    catalogue = ROOT / "control" / "lifecycle" / "event_codes.py"
    written = {
        text
        for room in ("control", "worker")
        for path in (ROOT / room).rglob("*.py")
        if path != catalogue
        for text in _strings(path)
    }
    assert CATALOGUE.keys() - written - COMPOSED == set()
    assert OTHER not in CATALOGUE


def test_each_code_is_in_the_manual() -> None:
    manual = (ROOT / "docs" / "http.md").read_text()
    listed = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", manual, re.MULTILINE))
    assert {code: entry.type for code, entry in CATALOGUE.items()} == {
        code: kind for code, kind in listed.items() if code in CATALOGUE
    }


def test_a_code_that_is_not_in_the_catalogue_is_refused(session: WriteSession) -> None:
    job = make_job(session)
    with pytest.raises(KeyError, match="no_such_code"):
        record(session, job, "no_such_code")
    with pytest.raises(KeyError, match="step"):
        record(session, job, "checkpoint", {})


@pytest.mark.parametrize(
    ("code", "params", "message"),
    [
        ("accepted", {}, "Accepted."),
        ("sample", {"step": 3, "name": "filled_in"}, "Sample at step 3: filled in."),
        (
            "decision",
            {"name": "precision", "choice": "bf16", "reason": "It is fast."},
            'precision: auto is "bf16". It is fast.',
        ),
        (
            "decided",
            {"name": "compile", "choice": False, "reason": nested("compiling_failed", "Compiling failed.")},
            "compile: auto is false. Compiling failed.",
        ),
        (
            "database_unreachable",
            {"seconds": 30.0, "step": 7},
            "Its worker could not reach the database for 30 s and stopped it at step 7; continues on the next that is free.",
        ),
        (
            "retrying",
            {"failure": nested("engine_killed", "Killed {by} signal 9."), "retry": 1, "retries": 3},
            "Killed {by} signal 9. Retry 1 of 3.",
        ),
        ("spec_warning", {"param": "a.b", "warning": nested("x", "so it is")}, "a.b: so it is."),
    ],
)
def test_each_code_has_its_sentence(code: str, params: dict[str, Any], message: str) -> None:
    assert sentence(code, params) == message


def test_every_sentence_is_made_of_what_is_stored(engine: Engine, environment: Settings) -> None:
    """Checked with all operations that write events."""
    storage = open_storage(environment.storage_url)
    with write(engine) as session:
        for state in ("cancelled", "succeeded", "failed"):
            make_in_state(session, state)
        for verb in ("pause", "cancel"):
            waiting = make_job(session)
            jobs.request(session, waiting.project_id, waiting.id, verb)
        for result, intent in [
            (jobs.Completed(), "pause"),
            (jobs.Stopped(75), "pause"),
            (jobs.Stopped(75), None),
            (jobs.Stopped(75, "database_unreachable", {"seconds": 60.0}), None),
            (jobs.Stopped(75, "worker_shut_down_storing"), None),
            (jobs.Paused(exit_code=76), None),
            (jobs.Paused("quota_exceeded", 75, "Full.", "Make room."), None),
            (jobs.Failed("engine_killed", "Killed.", retryable=True), None),
            (jobs.Failed("engine_killed", "Killed.", retryable=True), "pause"),
            (jobs.Failed("engine_killed", "Killed.", retryable=True), "cancel"),
        ]:
            job, claim = make_running(session)
            if intent:
                jobs.request(session, job.project_id, job.id, intent)
            jobs.finish(session, job.id, claim.attempt, result)
            if job.state == "queued":
                jobs.request(session, job.project_id, job.id, "cancel")
            if job.state == "cancelled":
                jobs.retry(session, job.project_id, job.id)
                jobs.request(session, job.project_id, job.id, "cancel")
        _verbs_of_a_run(session)
        done, claim = make_running(session)
        deleted = make_checkpoint(session, claim, 10)
        make_checkpoint(session, claim, 20)
        jobs.finish(session, done.id, claim.attempt, jobs.Completed())
        delete(session, storage, done.project_id, deleted.id)
        fork = jobs.fork(session, done.project_id, done.id, ForkIn(changes={"training": {"steps": 300}}))
        jobs.request(session, fork.project_id, fork.id, "cancel")
        for scope in ("encoder", "weights"):
            changes = {"start": {"scope": scope}}
            part = jobs.fork(session, done.project_id, done.id, ForkIn(changes=changes))
            jobs.request(session, part.project_id, part.id, "cancel")
        alone = {"start": {"scope": "tokenizer"}, "data": {"tokenizer": {"kind": "checkpoint"}}}
        baseline = jobs.fork(session, done.project_id, done.id, ForkIn(changes=alone))
        jobs.request(session, baseline.project_id, baseline.id, "cancel")
    with read(engine) as session:
        events = session.scalars(select(Event)).all()
        assert {event.code for event in events} >= CATALOGUE.keys() - NOT_BY_VERBS
        for event in events:
            assert event.message == sentence(event.code, event.params)
            assert event.type == CATALOGUE[event.code].type


NOT_BY_VERBS = {
    "spec_warning",
    "prepared",
    "decided",
    "decision",
    "steps_decided",
    "early_stopping",
    "stopped_early",
    "stopped_early_before_stop",
    "sink_failed",
    "sink_ended",
    "sink_too_slow",
    "engine_warning",
    "checkpoint_damaged",
    "checkpoint_refused",
    "checkpoint_not_stored",
    "result_refused",
    "result_not_stored",
    "samples_left_out",
    "result_made",
    "result_made_before_stop",
}
"""Of submissions with warnings, of short jobs, and what workers tell of; tests of these look at them."""


def _verbs_of_a_run(session: WriteSession) -> None:
    """One job through an expired lease, preemption, a pause that is withdrawn, and its end without retries."""
    job, claim = make_running(session, resources={"max_retries": 1})
    jobs.engine_started(session, job.id, claim.attempt, {"device": "cpu"})
    lease_expired(session, job)
    again = jobs.claim(session, worker := make_worker(session))
    assert again
    jobs.engine_started(session, job.id, again.attempt, {"device": "cpu", "resumed_from_step": 5})
    jobs.request(session, job.project_id, job.id, "pause")
    jobs.resume(session, job.project_id, job.id)
    preempt(session, job, "job_urgent")
    jobs.finish(session, job.id, again.attempt, jobs.Stopped(75))
    third = jobs.claim(session, worker)
    assert third
    commit_sample(
        session,
        job.id,
        third.attempt,
        step=1,
        name="filled_in",
        media_type="text/plain",
        size=1,
        sha256="a",
        object_key="k",
    )
    jobs.request(session, job.project_id, job.id, "pause")
    jobs.finish(session, job.id, third.attempt, jobs.Stopped(75))
    jobs.resume(session, job.project_id, job.id)
    last = jobs.claim(session, worker)
    assert last
    jobs.finish(session, job.id, last.attempt, jobs.Failed("engine_killed", "Killed.", retryable=True))
    assert job.state == "failed"
