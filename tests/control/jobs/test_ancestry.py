"""The earlier stages of a job with ``continual``: filled in at submit, refused where given and different, protected from deletion."""

from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from control.broker import Broker
from control.datasets import service as datasets
from control.db import WriteSession, write
from control.errors import Conflict, NotFound, SeedbedError
from control.jobs import service as jobs
from control.jobs.ancestry import HOOKS
from control.jobs.schemas import ForkIn
from control.jobs.service import Claim
from control.lifecycle.models import Event, Job
from control.settings import settings
from control.storage import open_storage
from core.spec.continual import MOST_STAGES
from tests.factories import make_dataset, make_project, make_spec, make_version, make_worker

STEPS = {"steps": 100, "batch_size": 8, "sequence_length": 64}


class Chain:
    """Jobs of one project that start from each other's checkpoints."""

    def __init__(self, session: WriteSession) -> None:
        self.session = session
        self.project = make_project(session)
        self.worker = make_worker(session)

    def stage(
        self, before: str | None = None, *, dataset: str | None = None, **changes: Any
    ) -> tuple[Job, str]:
        """A job that has succeeded, and its last checkpoint."""
        job = self.submit(before, dataset=dataset, **changes)
        claim = jobs.claim(self.session, self.worker)
        assert claim is not None
        assert claim.job_id == job.id
        return job, self.finish(claim)

    def submit(self, before: str | None = None, *, dataset: str | None = None, **changes: Any) -> Job:
        spec = make_spec(
            dataset or make_dataset(self.session, self.project), **self.document(before, **changes)
        )
        return jobs.submit(self.session, self.project, spec)

    def document(self, before: str | None, scope: str = "weights", **changes: Any) -> dict[str, Any]:
        if before is None:
            return changes
        start = {"checkpoint": before, "scope": scope}
        return {"start": start, "data": {"tokenizer": {"kind": "checkpoint"}}, **changes}

    def finish(self, claim: Claim, *files: str) -> str:
        named = [{"path": path, "bytes": 2, "sha256": "ab"} for path in ("config.json", *files)]
        checkpoint = jobs.commit_checkpoint(
            self.session,
            claim.job_id,
            claim.attempt,
            step=100,
            prefix=f"jobs/{claim.job_id}/attempt-{claim.attempt}/step-100",
            manifest={"format": 1, "step": 100, "files": named},
            manifest_sha256=f"{100:064x}",
            metrics={},
        )
        jobs.finish(self.session, claim.job_id, claim.attempt, jobs.Completed())
        return checkpoint.id

    def delete(self, dataset: str) -> None:
        datasets.delete(self.session, open_storage(settings().storage_url), self.project, dataset)

    def refused(self, before: str, **changes: Any) -> SeedbedError:
        spec = make_spec(make_dataset(self.session, self.project), **self.document(before, **changes))
        with pytest.raises(SeedbedError) as caught:
            jobs.submit(self.session, self.project, spec)
        said = jobs.validate_document(self.session, self.project, spec.model_dump(mode="json"))
        assert said.errors == list(caught.value.errors), "validation says what a submit would"
        return caught.value


@pytest.fixture
def chain(session: WriteSession) -> Chain:
    return Chain(session)


def ancestors(job: Job) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = job.spec["continual"]["ancestors"]
    return found


def test_the_chain_of_jobs_is_filled_in_oldest_first(chain: Chain) -> None:
    first, one = chain.stage(name="first", data={"held_out_fraction": 0.2})
    second, two = chain.stage(one)  # without the block: a stage all the same
    third, three = chain.stage(two, continual={})
    fourth = chain.submit(three, continual={}, scope="all", training=STEPS | {"steps": 200})
    assert [one["job"] for one in ancestors(third)] == [first.id, second.id]
    found = ancestors(fourth)
    assert [one["job"] for one in found] == [first.id, second.id, third.id]
    assert [one["dataset"] for one in found] == [job.dataset_id for job in (first, second, third)]
    assert found[0]["name"] == "first"
    assert found[0]["data"]["held_out_fraction"] == 0.2
    assert found[0]["data"] == first.spec["data"]


def test_the_event_says_that_it_begins_with_all_weights(chain: Chain, session: WriteSession) -> None:
    _, one = chain.stage()
    job = chain.submit(one)
    event = session.query(Event).filter_by(job_id=job.id, type="queued").one()
    assert event.code == "accepted_with_weights"


def test_another_task_and_a_part_of_the_weights_end_the_chain(chain: Chain) -> None:
    _, one = chain.stage()
    _, two = chain.stage(one, scope="encoder", task={"kind": "masked_lm", "masking": "span"})
    third = chain.submit(two, continual={}, task={"kind": "masked_lm", "masking": "span"})
    assert len(ancestors(third)) == 1


def test_jobs_that_were_deleted_since_stay_known(chain: Chain, session: WriteSession) -> None:
    first, one = chain.stage()
    second, two = chain.stage(one, continual={})
    deleted = first.id
    jobs.delete(session, open_storage(settings().storage_url), chain.project, deleted)
    third = chain.submit(two, continual={})
    assert [one["job"] for one in ancestors(third)] == [deleted, second.id]


def test_ancestors_are_not_written_by_people(chain: Chain) -> None:
    first, one = chain.stage()
    job = chain.submit(one, continual={})
    same = chain.submit(one, continual=job.spec["continual"], dataset=job.dataset_id)
    assert ancestors(same) == ancestors(job)
    stranger = [{**ancestors(job)[0], "job": "job_" + "0" * 26}]
    other_data = [{**ancestors(job)[0], "data": first.spec["data"] | {"held_out_fraction": 0.3}}]
    for given in (stranger, other_data, ancestors(job) * 2):
        error = chain.refused(one, continual={"ancestors": given})
        assert (error.code, error.param, error.status) == ("validation_failed", "continual.ancestors", 422)
        assert [one.code for one in error.errors] == ["ancestors_differ"]


def test_a_fork_has_its_parent_among_its_ancestors(chain: Chain, session: WriteSession) -> None:
    first, one = chain.stage()
    second, _ = chain.stage(one, continual={})
    changes = {"training": {"steps": 200}}
    fork = jobs.fork(session, chain.project, second.id, ForkIn(changes=changes))
    assert [one["job"] for one in ancestors(fork)] == [first.id, second.id]


def test_data_of_earlier_stages_are_protected_until_the_job_has_ended(chain: Chain) -> None:
    first, one = chain.stage()
    job = chain.submit(one, continual={})
    with pytest.raises(Conflict) as caught:
        chain.delete(first.dataset_id)
    assert caught.value.code == "dataset_in_use"
    assert caught.value.params["job"] == job.id
    jobs.request(chain.session, chain.project, job.id, "cancel")
    chain.delete(first.dataset_id)
    with pytest.raises(NotFound) as gone:
        jobs.retry(chain.session, chain.project, job.id)
    assert gone.value.params["case"] == "earlier_deleted"


def test_deleted_data_of_one_stage_are_warned_of(chain: Chain, session: WriteSession) -> None:
    first, one = chain.stage()
    second, two = chain.stage(one)
    chain.delete(first.dataset_id)
    job = chain.submit(two, continual={"replay": {}})
    assert [one["dataset"] for one in ancestors(job)] == [None, second.dataset_id]
    (event,) = session.query(Event).filter_by(job_id=job.id, code="spec_warning")
    assert event.data["code"] == "earlier_data_deleted"
    found = event.params["warning"]["params"]
    assert {name: found[name] for name in ("jobs", "more", "lost", "works")} == {
        "jobs": [first.id],
        "more": 0,
        "lost": ["replay"],
        "works": ["lwf"],
    }
    # A spec that was read before the deletion may be sent again.
    again = [one | {"dataset": first.dataset_id} if one["job"] == first.id else one for one in ancestors(job)]
    assert chain.submit(two, continual={"replay": {}, "ancestors": again}).state == "queued"


@pytest.mark.parametrize("method", ["replay", "ewc"])
def test_methods_without_any_data_are_refused(chain: Chain, method: str) -> None:
    first, one = chain.stage()
    chain.delete(first.dataset_id)
    error = chain.refused(one, continual={method: {}})
    assert error.param == f"continual.{method}"
    assert [one.code for one in error.errors] == ["earlier_data_gone"]
    for works in ({"lwf": {}}, {}):
        assert chain.submit(one, continual=works).state == "queued"


def test_ewc_needs_no_data_where_the_checkpoint_keeps_its_fisher(chain: Chain, session: WriteSession) -> None:
    first, one = chain.stage()
    second = chain.submit(one, continual={"ewc": {}})
    claim = jobs.claim(session, chain.worker)
    assert claim is not None
    assert [(one.job_id, [file.name for file in one.files]) for one in claim.earlier] == [
        (first.id, ["corpus.txt"])
    ]
    two = chain.finish(claim, HOOKS)
    for job in (first, second):
        chain.delete(job.dataset_id)
    assert chain.submit(two, continual={"ewc": {}, "lwf": {}}).state == "queued"
    assert chain.refused(two, continual={"ewc": {}, "replay": {}}).param == "continual.replay"


@pytest.mark.parametrize(("method", "files"), [("lwf", [HOOKS]), ("ewc", [])])
def test_other_state_of_a_method_is_no_fisher(chain: Chain, method: str, files: list[str]) -> None:
    first, one = chain.stage()
    second = chain.submit(one, continual={method: {}})
    claim = jobs.claim(chain.session, chain.worker)
    assert claim is not None
    two = chain.finish(claim, *files)
    for job in (first, second):
        chain.delete(job.dataset_id)
    assert chain.refused(two, continual={"ewc": {}}).param == "continual.ewc"


def test_a_worker_gets_the_files_that_an_earlier_stage_read(chain: Chain, session: WriteSession) -> None:
    parent = make_dataset(session, chain.project)
    version = make_version(session, chain.project, parent, name="new.txt")
    for which, names in (("new", ["new.txt"]), ("all", ["corpus.txt", "new.txt"])):
        first, one = chain.stage(dataset=version, data={"files": which})
        chain.submit(one, continual={})
        claim = jobs.claim(session, chain.worker)
        assert claim is not None
        assert [(stage.job_id, [file.name for file in stage.files]) for stage in claim.earlier] == [
            (first.id, names)
        ]
        chain.finish(claim)


def test_too_many_stages_are_refused(chain: Chain, session: WriteSession) -> None:
    _, one = chain.stage()
    second, two = chain.stage(one, continual={})
    many = [ancestors(second)[0] | {"job": f"job_{number:026d}"} for number in range(MOST_STAGES)]
    second.spec = second.spec | {"continual": {**second.spec["continual"], "ancestors": many[1:]}}
    session.flush()
    assert len(ancestors(chain.submit(two, continual={}))) == MOST_STAGES
    second.spec = second.spec | {"continual": {**second.spec["continual"], "ancestors": many}}
    session.flush()
    assert [one.code for one in chain.refused(two, continual={}).errors] == ["too_many_stages"]


def test_a_deletion_of_earlier_data_waits_for_a_stage_that_is_being_submitted(
    engine: Engine, test_broker: Broker
) -> None:
    with write(engine) as session:
        chain = Chain(session)
        earlier, checkpoint = chain.stage()
        other = make_dataset(session, chain.project)

    def lock_to_delete(session: WriteSession) -> None:
        session.connection().exec_driver_sql("SET LOCAL lock_timeout = '1ms'")
        datasets.get(session, chain.project, earlier.dataset_id or "", lock=True)

    with write(engine) as submitting:
        chain.session = submitting
        chain.submit(checkpoint, dataset=other, continual={})
        with pytest.raises(OperationalError), write(engine) as deleting:
            lock_to_delete(deleting)
    with write(engine) as deleting:
        lock_to_delete(deleting)
        with pytest.raises(Conflict):
            datasets.delete(
                deleting, open_storage(settings().storage_url), chain.project, earlier.dataset_id or ""
            )
