"""Which files of a version of a dataset are read: by jobs, by those that start from their checkpoints, and by short jobs."""

from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from control.checkpoints.models import Checkpoint
from control.datasets import repository, versions
from control.datasets.models import DatasetFile
from control.datasets.schemas import VersionIn
from control.datasets.selection import selected
from control.db import WriteSession, write
from control.errors import NotFound, SeedbedError
from control.ids import new_id
from control.jobs import service as jobs
from control.jobs.schemas import ForkIn
from control.lifecycle.models import Job
from control.predictions.schemas import PredictIn
from control.predictions.service import request_of
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.evaluation import KIND as EVALUATION
from control.short_jobs.kinds.evaluation import EvaluationIn
from tests.factories import (
    make_checkpoint,
    make_dataset,
    make_job,
    make_project,
    make_running,
    make_version,
    make_worker,
)

CHECKPOINTS = {"kind": "checkpoint", "vocabulary_size": 8192}
NEW = {"files": "new"}


@pytest.fixture
def project(session: WriteSession) -> str:
    return make_project(session)


@pytest.fixture
def chain(session: WriteSession, project: str) -> tuple[str, str, str]:
    """Three versions of a dataset."""
    first = make_dataset(session, project)
    second = make_version(session, project, first, name="second.txt")
    return first, second, make_version(session, project, second, name="third.txt")


def trained(session: WriteSession, project: str, dataset: str, **changes: Any) -> tuple[Job, Checkpoint]:
    """A job that is over, and its checkpoint."""
    job, claim = make_running(session, project_id=project, dataset=dataset, **changes)
    made = make_checkpoint(session, claim, 20)
    jobs.finish(session, job.id, claim.attempt, jobs.Completed())
    return job, made


def read(session: WriteSession) -> list[str]:
    """The files of the job that a worker takes next."""
    claim = jobs.claim(session, make_worker(session))
    assert claim is not None
    jobs.finish(session, claim.job_id, claim.attempt, jobs.Stopped(75))
    jobs.request(session, claim.project_id, claim.job_id, "cancel", purpose=claim.purpose)
    return [file.name for file in claim.files]


def test_a_job_of_an_earlier_version_of_the_service_reads_all(
    session: WriteSession, project: str, chain: tuple[str, str, str]
) -> None:
    job = make_job(session, project, dataset=chain[1])
    job.spec = job.spec | {
        "data": {name: value for name, value in job.spec["data"].items() if name != "files"}
    }
    assert read(session) == ["corpus.txt", "second.txt"]


def test_what_is_new_of_a_chain_is_what_its_last_link_added(
    session: WriteSession, project: str, chain: tuple[str, str, str]
) -> None:
    for dataset, new in zip(chain[1:], (["second.txt"], ["third.txt"]), strict=True):
        make_job(session, project, dataset=dataset, data=NEW)
        assert read(session) == new


def test_a_tokenizer_goes_with_the_new_files_unless_they_bring_one() -> None:
    def file(name: str, *, inherited: bool, **report: Any) -> DatasetFile:
        return DatasetFile(name=name, inherited=inherited, report=report)

    old = file("tokenizer.json", inherited=True, vocabulary_size=300)
    packed = file("old.zip", inherited=True, vocabulary_size=300, samples=5)
    text = file("new.txt", inherited=False, samples=5)
    own = file("tokenizer.json.gz", inherited=False, vocabulary_size=400)
    labels = file("old-labels-idx1-ubyte", inherited=True, samples=0)
    table = file("old.csv", inherited=True, samples=0, transcripts={"rows": 5})
    assert selected([old, packed, text, labels, table], "new") == [old, text]
    assert selected([old, text, own], "new") == [text, own]
    assert selected([old, packed, text, own], "all") == [old, packed, text, own]


def test_a_job_goes_on_with_what_is_new(
    session: WriteSession, project: str, chain: tuple[str, str, str]
) -> None:
    first, second, _ = chain
    _, checkpoint = trained(session, project, first)
    start = {"checkpoint": checkpoint.id, "scope": "all"}
    child = make_job(session, project, dataset=second, data=NEW, start=start)
    assert child.spec["data"]["files"] == "new"
    assert child.spec["data"]["tokenizer"] | CHECKPOINTS == child.spec["data"]["tokenizer"]
    assert read(session) == ["second.txt"]


def test_a_fork_on_other_files_keeps_the_tokenizer(
    session: WriteSession, project: str, chain: tuple[str, str, str]
) -> None:
    _, second, third = chain
    job, _ = trained(session, project, second, data=NEW)

    def fork(changes: dict[str, Any]) -> tuple[str, str]:
        data = jobs.fork(session, project, job.id, ForkIn(changes=changes)).spec["data"]
        return data["files"], data["tokenizer"]["kind"]

    assert fork({}) == ("new", "bpe"), "the same data"
    assert fork({"data": {"files": "new"}}) == ("new", "bpe")
    assert fork({"data": {"files": "all"}}) == ("all", "checkpoint")
    assert fork({"data": {"files": None}}) == ("all", "checkpoint")
    assert fork({"dataset": third}) == ("all", "checkpoint")
    assert fork({"dataset": third, "data": {"files": "new"}}) == ("new", "checkpoint")
    assert fork({"dataset": chain[0]}) == ("all", "checkpoint"), "a first version has nothing new"


def test_a_tokenizer_made_of_other_files_is_another_one(
    session: WriteSession, project: str, chain: tuple[str, str, str]
) -> None:
    _, checkpoint = trained(session, project, chain[1])
    start = {"checkpoint": checkpoint.id, "scope": "all"}
    data = {"files": "new", "tokenizer": {"kind": "bpe"}}
    with pytest.raises(SeedbedError) as refused:
        make_job(session, project, dataset=chain[1], data=data, start=start)
    assert refused.value.param == "dataset"


def test_an_evaluation_reads_what_the_job_read_or_all_of_another_dataset(
    session: WriteSession, project: str, chain: tuple[str, str, str]
) -> None:
    first, second, third = chain
    _, checkpoint = trained(session, project, second, data=NEW)
    for dataset, files in (
        (None, ["second.txt"]),
        (second, ["second.txt"]),
        (third, ["corpus.txt", "second.txt", "third.txt"]),
        (first, ["corpus.txt"]),
    ):
        asked = EvaluationIn(checkpoint=checkpoint.id, dataset=dataset)
        short_jobs.create_from_checkpoint_and_data(session, EVALUATION, project, asked)
        assert read(session) == files


def test_neighbours_are_sought_among_what_the_job_read(
    session: WriteSession, project: str, chain: tuple[str, str, str]
) -> None:
    _, checkpoint = trained(session, project, chain[1], data=NEW)
    request = request_of(
        session, project, checkpoint.id, PredictIn(kind="neighbours", text="a text"), seconds=5
    )
    assert [file.name for file in request.dataset] == ["second.txt"]


def test_a_deletion_waits_for_a_version_that_is_being_created(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with write(engine) as session:
        project = make_project(session)
        parent = make_dataset(session, project)

    def deletable() -> bool:
        with write(engine) as deleting:
            deleting.connection().exec_driver_sql("SET LOCAL lock_timeout = '1ms'")
            try:
                return repository.of_id(deleting, project, parent, lock="update") is not None
            except OperationalError:
                deleting.rollback()
                return False

    found: list[bool] = []

    def id_of_new(prefix: str) -> str:
        # Between the look at the parent and the first row of the version.
        found.append(deletable())
        return new_id(prefix)

    assert deletable()
    monkeypatch.setattr(versions, "new_id", id_of_new)
    with write(engine) as creating:
        version = versions.create(creating, project, parent, VersionIn()).id
        found.append(deletable())
        with write(engine) as other:
            assert repository.of_id(other, project, parent, lock="share"), "two versions at once are possible"
    assert found == [False, False]
    assert deletable()
    with write(engine) as session:
        assert [file.name for file in repository.files(session, version)] == ["corpus.txt"]


def test_another_project_has_no_such_dataset(session: WriteSession, chain: tuple[str, str, str]) -> None:
    stranger = make_project(session)
    with pytest.raises(NotFound):
        versions.create(session, stranger, chain[0], VersionIn())
    with pytest.raises(NotFound):
        versions.list_versions(session, stranger, chain[0], limit=5, cursor=None)
