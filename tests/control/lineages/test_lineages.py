"""Planned lineages: checked whole at submit, and each stage submitted once, when the one before it has succeeded."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from api.strict_json import SPEC_BYTES
from control.broker import Broker
from control.datasets import service as datasets
from control.datasets.models import Dataset
from control.db import WriteSession
from control.errors import Conflict, NotFound, SeedbedError
from control.jobs import service as jobs
from control.lifecycle.models import Job
from control.lineages import repository, service
from control.lineages.advance import advance
from control.lineages.models import LineageStage, PlannedLineage
from control.lineages.presenters import lineage_out, summaries
from control.lineages.schemas import PlannedLineageIn, PlannedLineageOut
from control.quotas.schemas import QuotasIn
from control.quotas.service import set_quotas
from control.settings import settings
from control.storage import open_storage
from core.spec.continual import MOST_STAGES
from tests.control.jobs.test_ancestry import Chain
from tests.factories import make_dataset, make_project, make_spec

SPEC: dict[str, Any] = {
    "name": "subjects",
    "task": {"kind": "masked_lm"},
    "model": {"preset": "bert-tiny"},
    "training": {"steps": 100, "batch_size": 8, "sequence_length": 64},
    "continual": {"ewc": {"strength": 5.0}},
}


class Planned:
    """A lineage of one project, and the worker that runs its stages."""

    def __init__(self, session: WriteSession, stages: int = 3, **changes: Any) -> None:
        self.session = session
        self.chain = Chain(session)
        self.project = self.chain.project
        self.datasets = [make_dataset(session, self.project) for _ in range(stages)]
        body = PlannedLineageIn(spec=SPEC | changes, datasets=self.datasets)
        self.row = service.plan(session, self.project, body, by_admin=False)

    @property
    def shown(self) -> PlannedLineageOut:
        return lineage_out(self.session, self.row)

    @property
    def states(self) -> list[str]:
        return [stage.state for stage in self.shown.stages]

    def job(self, position: int) -> Job:
        found = self.session.get(Job, self.shown.stages[position].job)
        assert found is not None
        return found

    def finish(self) -> None:
        """Let the worker run the queued job to its end."""
        claim = jobs.claim(self.session, self.chain.worker)
        assert claim is not None
        self.chain.finish(claim)

    def advance(self) -> str | None:
        return advance(self.session, self.row.id)


def body(session: WriteSession, project: str, stages: int = 2, **changes: Any) -> dict[str, Any]:
    return {
        "spec": SPEC | changes,
        "datasets": [make_dataset(session, project) for _ in range(stages)],
    }


def refused(session: WriteSession, project: str, document: dict[str, Any]) -> SeedbedError:
    before = session.query(Job).count(), session.query(PlannedLineage).count()
    with pytest.raises(SeedbedError) as caught:
        service.plan(session, project, PlannedLineageIn.model_validate(document), by_admin=False)
    assert (session.query(Job).count(), session.query(PlannedLineage).count()) == before
    return caught.value


def test_each_stage_follows_when_the_one_before_has_succeeded(session: WriteSession) -> None:
    lineage = Planned(session)
    assert lineage.states == ["queued", "waiting", "waiting"]
    assert lineage.shown.state == "running"
    first = lineage.job(0)
    assert first.spec["continual"] is None
    assert first.name == "subjects (stage 1 of 3)"
    assert lineage.advance() is None, "the first has not succeeded yet"
    lineage.finish()
    assert lineage.row.id in repository.due(session, 100)
    second = lineage.advance()
    assert second == lineage.job(1).id
    assert lineage.advance() is None, "a stage is submitted once"
    assert lineage.row.id not in repository.due(session, 100)
    spec = lineage.job(1).spec
    assert spec["start"]["scope"] == "weights"
    assert spec["dataset"] == lineage.datasets[1]
    assert spec["data"]["tokenizer"]["kind"] == "checkpoint"
    assert spec["continual"]["ewc"]["strength"] == 5.0
    assert [one["job"] for one in spec["continual"]["ancestors"]] == [first.id]
    lineage.finish()
    lineage.advance()
    assert [one["job"] for one in lineage.job(2).spec["continual"]["ancestors"]] == [first.id, second]
    assert lineage.states == ["succeeded", "succeeded", "queued"]
    lineage.finish()
    assert lineage.shown.state == "succeeded"
    assert lineage.advance() is None
    for verb in (service.cancel, service.resume):
        with pytest.raises(Conflict):
            verb(session, lineage.project, lineage.row.id)
    assert lineage.shown.forgetting is not None
    assert len(lineage.shown.forgetting.matrix) == 3
    assert [one.id for one in summaries(session, [lineage.row])] == [lineage.row.id]
    assert session.query(Job).count() == 3


def test_the_last_checkpoint_of_a_stage_is_the_start_of_the_next(session: WriteSession) -> None:
    lineage = Planned(session)
    claim = jobs.claim(session, lineage.chain.worker)
    assert claim is not None
    jobs.commit_checkpoint(
        session,
        claim.job_id,
        1,
        step=50,
        prefix="p",
        manifest={"files": []},
        manifest_sha256="",
        metrics={},
    )
    last = lineage.chain.finish(claim)
    lineage.advance()
    assert lineage.job(1).parent_checkpoint_id == last


@pytest.mark.parametrize("how", ["failed", "cancelled"])
@pytest.mark.parametrize("by", ["retry", "resume"])
def test_a_stage_that_ends_otherwise_stops_the_lineage(session: WriteSession, how: str, by: str) -> None:
    lineage = Planned(session, 2)
    job = lineage.job(0)
    if how == "cancelled":
        jobs.request(session, lineage.project, job.id, "cancel")
    else:
        claim = jobs.claim(session, lineage.chain.worker)
        assert claim is not None
        jobs.finish(session, job.id, claim.attempt, jobs.Failed("non_finite_loss", "The loss is NaN."))
    shown = lineage.shown
    assert (shown.state, shown.stages[1].state) == ("stopped", "waiting")
    assert shown.stop is not None
    assert shown.stop.code == f"stage_{how}"
    assert shown.stop.position == 1
    assert lineage.advance() is None
    if by == "retry":
        jobs.retry(session, lineage.project, job.id)
    else:
        service.resume(session, lineage.project, lineage.row.id)
    assert lineage.shown.state == "running"
    lineage.finish()
    assert lineage.advance() is not None


def test_a_paused_stage_goes_on_with_the_lineage_or_is_cancelled_with_it(session: WriteSession) -> None:
    lineage = Planned(session, 2)
    jobs.request(session, lineage.project, lineage.job(0).id, "pause")
    shown = lineage.shown
    assert (shown.state, shown.stop and shown.stop.code) == ("stopped", "stage_paused")
    service.resume(session, lineage.project, lineage.row.id)
    assert (lineage.shown.state, lineage.job(0).state) == ("running", "queued")
    jobs.request(session, lineage.project, lineage.job(0).id, "pause")
    service.cancel(session, lineage.project, lineage.row.id)
    assert (lineage.shown.state, lineage.job(0).state) == ("cancelled", "cancelled")


def test_cancel_ends_the_newest_stage_and_submits_no_other(session: WriteSession) -> None:
    lineage = Planned(session)
    lineage.finish()
    lineage.advance()
    for _ in range(2):
        service.cancel(session, lineage.project, lineage.row.id)
    assert lineage.shown.state == "cancelled"
    assert lineage.states == ["succeeded", "cancelled", "waiting"]
    assert lineage.advance() is None
    service.resume(session, lineage.project, lineage.row.id)
    assert lineage.states == ["succeeded", "queued", "waiting"]
    for verb in (service.resume, service.delete):
        with pytest.raises(Conflict):
            verb(session, lineage.project, lineage.row.id)
    lineage.finish()
    service.cancel(session, lineage.project, lineage.row.id)
    assert lineage.advance() is None, "cancelled between two stages"
    service.delete(session, lineage.project, lineage.row.id)
    assert session.query(LineageStage).count() == 0
    assert session.query(Job).count() == 2
    with pytest.raises(NotFound):
        service.get(session, lineage.project, lineage.row.id)


def test_a_cancel_that_is_not_carried_out_yet_cannot_be_withdrawn(session: WriteSession) -> None:
    lineage = Planned(session)
    assert jobs.claim(session, lineage.chain.worker) is not None
    service.cancel(session, lineage.project, lineage.row.id)
    with pytest.raises(Conflict) as caught:
        service.resume(session, lineage.project, lineage.row.id)
    assert caught.value.params["case"] == "stage_stopping"


def test_a_stage_that_is_refused_stops_the_lineage_until_it_is_resumed(session: WriteSession) -> None:
    lineage = Planned(session)
    lineage.finish()
    dataset = session.get_one(Dataset, lineage.datasets[1])
    dataset.state = "open"
    session.flush()
    assert lineage.advance() is None
    shown = lineage.shown
    assert (shown.state, shown.stop and shown.stop.code) == ("stopped", "dataset_not_ready")
    assert shown.stop is not None
    assert shown.stop.position == 2
    dataset.state = "ready"
    session.flush()
    assert lineage.advance() is None, "it waits for a person"
    service.resume(session, lineage.project, lineage.row.id)
    assert lineage.advance() is not None


def test_a_deleted_job_is_not_submitted_again(session: WriteSession) -> None:
    lineage = Planned(session)
    lineage.finish()
    storage = open_storage(settings().storage_url)
    jobs.delete(session, storage, lineage.project, lineage.job(0).id)
    assert lineage.advance() is None
    assert lineage.states == ["deleted", "waiting", "waiting"]
    shown = lineage.shown
    assert (shown.state, shown.stop and shown.stop.code) == ("stopped", "stage_deleted")
    with pytest.raises(Conflict):
        service.resume(session, lineage.project, lineage.row.id)
    service.delete(session, lineage.project, lineage.row.id)


def test_datasets_of_waiting_stages_are_protected(session: WriteSession) -> None:
    lineage = Planned(session)
    storage = open_storage(settings().storage_url)
    for dataset in lineage.datasets:
        with pytest.raises(Conflict) as caught:
            datasets.delete(session, storage, lineage.project, dataset)
        assert caught.value.code == "dataset_in_use"
    service.cancel(session, lineage.project, lineage.row.id)
    for dataset in lineage.datasets:
        datasets.delete(session, storage, lineage.project, dataset)
    assert [stage.dataset_name for stage in lineage.shown.stages] == [None] * 3


def test_everything_is_checked_when_it_is_submitted(session: WriteSession) -> None:
    project = make_project(session)
    good = body(session, project)
    other = make_dataset(session, project)
    session.get_one(Dataset, other).modality = "image"
    strange = make_dataset(session, make_project(session))
    for dataset, code in (
        (make_dataset(session, project, state="open"), "dataset_not_ready"),
        ("ds_" + "0" * 26, "dataset_not_found"),
        (strange, "dataset_not_found"),
        (other, "modality_mismatch"),
        (make_dataset(session, project, documents=1, characters=10), "dataset_too_small"),
    ):
        for position in (0, 1):
            given = list(good["datasets"])
            given[position] = dataset
            error = refused(session, project, good | {"datasets": given})
            assert (error.code, error.param) == (code, f"datasets.{position}"), dataset
    error = refused(session, project, body(session, project, training={"steps": 0}))
    assert error.code == "validation_failed"
    assert error.param is not None
    assert error.param.startswith("spec.training")
    error = refused(session, project, body(session, project, continual={"adapters": {}, "ewc": {}}))
    assert [(one.param, one.code) for one in error.errors] == [("spec.continual", "methods_do_not_combine")]
    error = refused(session, project, body(session, project, priority=50))
    assert (error.code, error.param) == ("priority_needs_admin", "spec.priority")
    set_quotas(session, project, QuotasIn(checkpoints=0))
    assert refused(session, project, body(session, project)).code == "quota_exceeded"


def test_a_spec_may_be_as_large_as_a_body_of_a_request(session: WriteSession) -> None:
    project = make_project(session)
    given = [make_dataset(session, project) for _ in range(2)]
    for dataset in given:
        session.get_one(Dataset, dataset).modality = "image"
    weights = {f"{number:03d}".ljust(200, "x"): 1.0 for number in range(SPEC_BYTES // 220)}
    spec = {
        "name": "pets",
        "task": {"kind": "image_classification", "class_weights": weights},
        "data": {"image": {"size": 8}},
        "training": {"steps": 10, "batch_size": 4},
    }
    document = {"spec": spec, "datasets": given}
    assert SPEC_BYTES * 0.9 < len(json.dumps(document)) <= SPEC_BYTES
    row = service.plan(session, project, PlannedLineageIn.model_validate(document), by_admin=False)
    assert row.spec["task"]["class_weights"] == weights


def test_a_jobs_spec_can_be_planned_as_it_is(session: WriteSession) -> None:
    """Its dataset and its earlier stages are another's."""
    project = make_project(session)
    found = make_spec(make_dataset(session, project)).model_dump(mode="json")
    planned = body(session, project) | {"spec": found, "name": "anew"}
    row = service.plan(session, project, PlannedLineageIn.model_validate(planned), by_admin=False)
    shown = lineage_out(session, row)
    assert shown.name == "anew"
    job = session.get_one(Job, shown.stages[0].job)
    assert job.dataset_id == planned["datasets"][0]


def test_a_first_stage_may_start_from_a_checkpoint(session: WriteSession) -> None:
    chain = Chain(session)
    before, checkpoint = chain.stage()
    start = {"checkpoint": checkpoint, "scope": "weights"}
    planned = body(session, chain.project, start=start)
    row = service.plan(session, chain.project, PlannedLineageIn.model_validate(planned), by_admin=False)
    job = session.get_one(Job, lineage_out(session, row).stages[0].job)
    assert [one["job"] for one in job.spec["continual"]["ancestors"]] == [before.id]


@contextmanager
def counted_statements(session: WriteSession) -> Iterator[list[str]]:
    """The SQL that the session sends meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    yield sent
    event.remove(connection, "before_cursor_execute", note)


def test_a_list_takes_as_many_queries_for_many_lineages_as_for_one(session: WriteSession) -> None:
    rows = [Planned(session, 2).row for _ in range(3)]
    counts = []
    for some in (rows[:1], rows):
        with counted_statements(session) as sent:
            assert len(summaries(session, some)) == len(some)
        counts.append(len(sent))
    assert counts[0] == counts[1] > 0


def test_stages_before_the_first_count_too(session: WriteSession) -> None:
    chain = Chain(session)
    _, one = chain.stage()
    second, two = chain.stage(one, continual={})
    before = second.spec["continual"]["ancestors"][0]
    many = [before | {"job": f"job_{number:026d}"} for number in range(MOST_STAGES - 2)]
    second.spec = second.spec | {"continual": {**second.spec["continual"], "ancestors": many}}
    session.flush()
    start = {"checkpoint": two, "scope": "weights"}
    error = refused(session, chain.project, body(session, chain.project, 3, start=start))
    assert (error.code, error.param) == ("validation_failed", "datasets")
    assert [one.code for one in error.errors] == ["too_many_stages"]
    fitting = PlannedLineageIn.model_validate(body(session, chain.project, 2, start=start))
    service.plan(session, chain.project, fitting, by_admin=False)


def test_lineages_are_of_one_project(session: WriteSession, test_broker: Broker) -> None:
    lineage = Planned(session)
    stranger = make_project(session)
    for verb in (service.get, service.cancel, service.resume, service.delete):
        with pytest.raises(NotFound):
            verb(session, stranger, lineage.row.id)
    assert service.list_lineages(session, stranger, limit=10, cursor=None).rows == []
    assert service.list_lineages(session, lineage.project, limit=10, cursor=None).rows == [lineage.row]
