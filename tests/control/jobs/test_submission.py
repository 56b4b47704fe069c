"""Submission: accepted and refused jobs, and forks."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from control.broker import broker
from control.db import WriteSession, write
from control.errors import Conflict, Invalid, NotFound, SeedbedError
from control.jobs import service as jobs
from control.jobs.merge_patch import merge_patch
from control.jobs.schemas import ForkIn
from control.lifecycle.models import Job
from tests.factories import (
    let_pass,
    make_checkpoint,
    make_dataset,
    make_job,
    make_project,
    make_running,
    make_spec,
    make_worker,
)


def _refusal(session: WriteSession, project: str, dataset: str | None, **changes: Any) -> SeedbedError:
    with pytest.raises(SeedbedError) as caught:
        jobs.submit(session, project, make_spec(dataset, **changes))
    assert session.query(Job).count() == 0
    return caught.value


def test_an_accepted_job_is_queued_with_every_default_written_out(session: WriteSession) -> None:
    job = make_job(session, priority=3, resources={"device": "cpu", "preemptible": True, "max_retries": 7})
    assert (job.state, job.attempt, job.step, job.steps) == ("queued", 0, 0, 100)
    assert (job.priority, job.device, job.preemptible, job.max_retries) == (3, "cpu", True, 7)
    assert job.spec["training"]["schedule"] == {
        "kind": "cosine",
        "warmup_steps": 0,
        "decay_steps": None,
        "final_fraction": 0.0,
    }
    assert [event.type for event in jobs.events(session, job.id)] == ["queued"]


def test_an_accepted_job_sends_a_wake_up_message_once_it_is_committed(engine: Engine) -> None:
    with write(engine) as session:
        make_job(session)
        assert broker().backlog("cpu") == 0
    assert broker().backlog("cpu") == 1


def test_a_job_without_a_dataset_is_refused(session: WriteSession) -> None:
    error = _refusal(session, make_project(session), None)
    assert (error.code, error.param, error.status) == ("validation_failed", "dataset", 422)


def test_a_dataset_of_another_project_is_not_found(session: WriteSession) -> None:
    dataset = make_dataset(session, make_project(session))
    error = _refusal(session, make_project(session), dataset)
    assert (error.code, error.param, error.status) == ("dataset_not_found", "dataset", 404)


def test_a_deleted_dataset_is_not_found(session: WriteSession) -> None:
    project = make_project(session)
    error = _refusal(session, project, make_dataset(session, project, state="deleted"))
    assert error.code == "dataset_not_found"


def test_an_open_dataset_is_refused(session: WriteSession) -> None:
    project = make_project(session)
    error = _refusal(session, project, make_dataset(session, project, state="open"))
    assert (error.code, error.param, error.status) == ("dataset_not_ready", "dataset", 409)
    assert "/complete" in error.detail


def test_text_for_less_than_one_batch_is_refused(session: WriteSession) -> None:
    """8 rows of 63 tokens; each of the 10 documents has one separator and at most one token for each byte."""
    project = make_project(session)
    error = _refusal(session, project, make_dataset(session, project, documents=10, characters=493))
    assert (error.code, error.param, error.status) == ("dataset_too_small", "dataset", 422)
    assert "503 tokens and one batch takes 504" in error.detail
    enough = make_dataset(session, project, documents=10, characters=494)
    assert jobs.submit(session, project, make_spec(enough))


def test_one_document_is_too_few(session: WriteSession) -> None:
    project = make_project(session)
    error = _refusal(session, project, make_dataset(session, project, documents=1))
    assert (error.code, error.param) == ("dataset_too_small", "dataset")
    assert "two documents" in error.detail


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"model": {"preset": "bert-base"}}, "model"),
        (
            {
                "training": {"steps": 9, "batch_size": 1024, "sequence_length": 64},
                "resources": {"device": "cpu"},
            },
            "training.batch_size",
        ),
    ],
)
def test_a_job_that_exceeds_the_memory_of_every_worker_is_refused(
    session: WriteSession, changes: dict[str, Any], param: str
) -> None:
    make_worker(session, memory_gib=0.1)
    project = make_project(session)
    error = _refusal(session, project, make_dataset(session, project), **changes)
    assert (error.code, error.param, error.status) == ("spec_exceeds_memory", param, 422)
    assert "the largest worker has 0.1 GiB" in error.detail


def test_only_recent_workers_of_the_same_kind_count_for_the_memory_check(session: WriteSession) -> None:
    make_worker(session, memory_gib=0.001)
    assert make_job(session, resources={"device": "cuda"})
    let_pass(session, 25 * 3600)
    assert make_job(session)


def test_a_gpu_job_waits_for_a_gpu_worker_to_come(session: WriteSession) -> None:
    make_worker(session)
    job = make_job(session, resources={"device": "cuda"})
    assert jobs.job_out(session, job).waiting_reason == "no worker is online that offers a GPU"


def test_validation_reports_what_submit_would_refuse(session: WriteSession) -> None:
    project = make_project(session)
    dataset = make_dataset(session, project, state="open")
    result = jobs.validate_document(session, project, make_spec(dataset).model_dump(mode="json"))
    assert not result.valid
    assert [(error.param, error.code) for error in result.errors] == [("dataset", "dataset_not_ready")]
    assert result.parameters is not None
    assert result.spec is not None


def test_validation_explains_a_malformed_spec(session: WriteSession) -> None:
    document = {"name": "x", "task": {"kind": "masked_lm"}, "training": {"step": 5}}
    result = jobs.validate_document(session, make_project(session), document)
    assert not result.valid
    assert ("training.step", "unknown_field", "steps") in {
        (error.param, error.code, error.suggestion) for error in result.errors
    }
    assert result.spec is None


def test_validation_warns_if_no_worker_online_could_run_the_job(session: WriteSession) -> None:
    project = make_project(session)
    document = make_spec(make_dataset(session, project)).model_dump(mode="json")
    result = jobs.validate_document(session, project, document)
    assert result.valid
    assert [(w.param, w.code) for w in result.warnings] == [("resources.device", "no_worker_online")]
    make_worker(session)
    assert jobs.validate_document(session, project, document).warnings == []


def test_a_fork_changes_the_given_fields_and_keeps_the_rest(session: WriteSession) -> None:
    job, claim = make_running(session)
    make_checkpoint(session, claim, 10)
    newest = make_checkpoint(session, claim, 20)
    changes = {"name": "longer", "training": {"steps": 500, "optimizer": {"learning_rate": 1e-4}}}
    child = jobs.fork(session, job.project_id, job.id, ForkIn(changes=changes))
    assert (child.name, child.steps) == ("longer", 500)
    assert child.spec["training"]["optimizer"]["learning_rate"] == 1e-4
    assert child.spec["training"]["optimizer"]["beta2"] == job.spec["training"]["optimizer"]["beta2"]
    assert child.spec["training"]["batch_size"] == 8
    parent = jobs.job_out(session, child).parent
    assert parent
    assert (parent.job, parent.checkpoint) == (job.id, newest.id)


def test_a_fork_may_start_from_an_older_checkpoint(session: WriteSession) -> None:
    job, claim = make_running(session)
    older = make_checkpoint(session, claim, 10)
    make_checkpoint(session, claim, 20)
    child = jobs.fork(session, job.project_id, job.id, ForkIn(checkpoint=older.id))
    assert child.parent_checkpoint_id == older.id


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"training": {"steps": 20}}, "training.steps"),
        ({"training": {"stepz": 20}}, "training.stepz"),
        ({"model": {"preset": "bert-mini"}}, "model"),
        ({"data": {"tokenizer": {"vocabulary_size": 999}}}, "data.tokenizer"),
        ({"training": {"sequence_length": 16}}, "training.sequence_length"),
        ({"task": {"feature_reconstruction": {}}}, "task"),
    ],
)
def test_an_invalid_fork_is_refused(session: WriteSession, changes: dict[str, Any], param: str) -> None:
    job, claim = make_running(session)
    make_checkpoint(session, claim, 20)
    with pytest.raises(Invalid) as caught:
        jobs.fork(session, job.project_id, job.id, ForkIn(changes=changes))
    assert (caught.value.code, caught.value.param) == ("validation_failed", param)


def test_a_fork_needs_a_checkpoint(session: WriteSession) -> None:
    job, claim = make_running(session)
    with pytest.raises(Conflict) as caught:
        jobs.fork(session, job.project_id, job.id, ForkIn())
    assert caught.value.code == "no_checkpoint"
    make_checkpoint(session, claim, 20)
    with pytest.raises(NotFound, match="has no checkpoint") as missing:
        jobs.fork(session, job.project_id, job.id, ForkIn(checkpoint="ckpt_" + "0" * 26))
    assert missing.value.code == "checkpoint_not_found"


def test_lineage_has_ancestors_and_descendants(session: WriteSession) -> None:
    job, claim = make_running(session)
    make_checkpoint(session, claim, 10)
    fork = lambda of: jobs.fork(session, job.project_id, of, ForkIn())  # noqa: E731 - three calls of one shape
    child, sibling = fork(job.id), fork(job.id)
    running = jobs.claim(session, make_worker(session))
    assert running
    assert running.job_id == child.id
    make_checkpoint(session, running, 20)
    grandchild = fork(child.id)
    found = jobs.lineage(session, grandchild)
    assert [node.id for node in found.ancestors] == [child.id, job.id]
    assert found.descendants == []
    above = jobs.lineage(session, job)
    assert above.ancestors == []
    assert {node.id for node in above.descendants} == {child.id, sibling.id, grandchild.id}


# The examples of RFC 7396, appendix A.
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


_documents = st.recursive(
    st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner | st.none(), max_size=3)
)


@given(_documents, _documents)
def test_merging_twice_has_the_effect_of_once(target: Any, patch: Any) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once
