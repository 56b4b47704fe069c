"""The job that is proposed for the new files of a version of a dataset."""

from pathlib import Path
from typing import Any

import pytest

from control.checkpoints.models import Checkpoint
from control.datasets import service as datasets
from control.datasets import versions
from control.datasets.models import DatasetFile
from control.datasets.schemas import DatasetIn, VersionIn
from control.db import WriteSession
from control.jobs import service as jobs
from control.jobs.continuation import Continuation, best_checkpoint, continuation
from control.storage import open_storage
from core.spec.problems import validate
from tests.factories import (
    make_checkpoint,
    make_dataset,
    make_job,
    make_project,
    make_running,
    make_spec,
    make_version,
)


@pytest.fixture
def project(session: WriteSession) -> str:
    return make_project(session)


def trained(
    session: WriteSession,
    project: str,
    dataset: str,
    *steps: int,
    end: jobs.Result | None = None,
    **changes: Any,
) -> list[Checkpoint]:
    """The checkpoints of a job that is over."""
    job, claim = make_running(session, project_id=project, dataset=dataset, **changes)
    made = [make_checkpoint(session, claim, step) for step in steps]
    jobs.finish(session, job.id, claim.attempt, end or jobs.Completed())
    return made


def proposed(session: WriteSession, project: str, dataset: str) -> Continuation:
    found = continuation(session, project, dataset)
    assert found is not None
    return found


def test_the_proposed_job_is_accepted_as_it_is(session: WriteSession, project: str) -> None:
    first = make_dataset(session, project)
    second = make_version(session, project, first)
    (checkpoint,) = trained(session, project, first, 90, name="corpus")
    found = proposed(session, project, second)
    assert (found.job.id, found.checkpoint.id) == (checkpoint.job_id, checkpoint.id)
    child = jobs.submit(session, project, validate(found.spec))
    assert child.name == "corpus (version 2)"
    assert child.spec["start"] == {"checkpoint": checkpoint.id, "scope": "all"}
    assert child.spec["data"]["files"] == "new"
    assert child.spec["data"]["tokenizer"]["kind"] == "checkpoint"
    assert child.spec["training"]["steps"] == 90 + 100
    assert child.spec["model"] == found.job.spec["model"]
    assert child.spec["continual"]["replay"]["samples"] > 0


def test_a_chain_goes_on_for_as_long_as_each_stage_took(session: WriteSession, project: str) -> None:
    first = make_dataset(session, project)
    second = make_version(session, project, first, name="b.txt")
    third = make_version(session, project, second, name="c.txt")
    trained(session, project, first, 100, name="corpus")
    for dataset, steps in ((second, 200), (third, 300)):
        spec = proposed(session, project, dataset).spec
        assert spec["training"]["steps"] == steps
        assert spec["name"] == f"corpus (version {steps // 100})"
        del spec["dataset"]
        trained(session, project, dataset, steps, **spec)


def test_epochs_become_steps(session: WriteSession, project: str) -> None:
    first = make_dataset(session, project)
    second = make_version(session, project, first)
    training = {"epochs": 1.0, "batch_size": 8, "sequence_length": 64}
    trained(session, project, first, 40, training=training)
    spec = proposed(session, project, second).spec
    assert spec["training"].get("epochs") is None
    assert spec["training"]["steps"] == 80
    assert jobs.validate_document(session, project, spec).valid


def test_the_last_job_that_succeeded_comes_first(session: WriteSession, project: str) -> None:
    first = make_dataset(session, project)
    second = make_version(session, project, first)
    assert continuation(session, project, second) is None
    make_job(session, project, dataset=first)
    assert continuation(session, project, second) is None, "it has no checkpoint, and is not over"
    queued = session.query(Checkpoint).count()
    assert queued == 0
    for job in jobs.list_jobs(session, project).rows:
        jobs.request(session, project, job.id, "cancel")
    (failed,) = trained(session, project, first, 10, end=jobs.Failed("out_of_memory", "It is too large."))
    assert proposed(session, project, second).checkpoint.id == failed.id
    (good,) = trained(session, project, first, 20)
    (newest,) = trained(session, project, first, 30)
    trained(session, project, first, 40, end=jobs.Failed("out_of_memory", "It is too large."))
    trained(session, project, first)  # without a checkpoint
    assert proposed(session, project, second).checkpoint.id == newest.id
    assert good.id != newest.id
    assert continuation(session, project, first) is None, "it is no version"


def test_a_version_without_a_job_is_passed_over_with_its_files(session: WriteSession, project: str) -> None:
    first = make_dataset(session, project)
    second = make_version(session, project, first, name="b.txt")
    third = make_version(session, project, second, name="c.txt")
    trained(session, project, first, 20)
    assert proposed(session, project, second).spec["data"]["files"] == "new"
    assert proposed(session, project, third).spec["data"]["files"] == "all", "the second is new to it too"


def test_a_deleted_parent_leaves_its_jobs(session: WriteSession, project: str, tmp_path: Path) -> None:
    first = make_dataset(session, project)
    second = make_version(session, project, first, name="b.txt")
    third = make_version(session, project, second, name="c.txt")
    (checkpoint,) = trained(session, project, first, 20)
    storage = open_storage(tmp_path.as_uri())
    for dataset in (first, second):
        datasets.delete(session, storage, project, dataset)
    found = proposed(session, project, third)
    assert found.checkpoint.id == checkpoint.id
    assert found.spec["continual"] is None, "there is nothing to replay"
    assert jobs.validate_document(session, project, found.spec).valid


def test_the_methods_against_forgetting_stay(session: WriteSession, project: str) -> None:
    first = make_dataset(session, project)
    second = make_version(session, project, first, name="b.txt")
    third = make_version(session, project, second, name="c.txt")
    trained(session, project, first, 100)
    for given, kept in (
        ({"ewc": {"strength": 5.0}, "scenario": "domain"}, {"ewc", "scenario"}),
        ({}, {"replay", "scenario"}),
    ):
        spec = proposed(session, project, second).spec | {"continual": given}
        del spec["dataset"]
        trained(session, project, second, 200, **spec)
        found = proposed(session, project, third).spec["continual"]
        assert found.keys() == kept
        assert "ancestors" not in found


def test_the_best_checkpoint_is_the_one_that_the_job_judges_best() -> None:
    def written(step: int, **metrics: Any) -> Checkpoint:
        named = {name.replace("__", "/"): value for name, value in metrics.items()}
        return Checkpoint(id=f"ckpt_{step}", step=step, attempt=1, metrics=named)

    present = [
        written(40),
        written(30, eval__loss=2.0, eval__accuracy=0.4, eval__perplexity=3.0),
        written(20, eval__loss=1.0, eval__accuracy=0.5, eval__perplexity=5.0),
        written(10, eval__loss=3.0, eval__accuracy=0.9, eval__perplexity=4.0),
    ]

    def best(**training: Any) -> int:
        return best_checkpoint(present, {"training": training}).step

    assert best() == 20
    assert best(retention={"keep_best": None}, early_stopping=None) == 20
    assert best(retention={"keep_best": "eval/accuracy"}) == 10
    assert best(early_stopping={"metric": "eval/perplexity"}) == 30
    assert best(retention={"keep_best": "eval/accuracy"}, early_stopping={"metric": "eval/loss"}) == 10
    assert best(retention={"keep_best": "train/loss"}) == 40, "the newest where none was judged"


def test_fields_of_the_last_job_stay(session: WriteSession, project: str) -> None:
    first = make_dataset(session, project)
    second = make_version(session, project, first)
    document = make_spec(first, task={"kind": "masked_lm", "masking": "span"}).model_dump(mode="json")
    trained(session, project, first, 20, task=document["task"], data={"held_out_fraction": 0.2})
    spec = proposed(session, project, second).spec
    assert spec["task"]["masking"] == "span"
    assert spec["data"]["held_out_fraction"] == 0.2
    assert spec["data"]["tokenizer"] == {"kind": "checkpoint"}


def images(session: WriteSession, dataset: str, name: str, *classes: str) -> None:
    """Add a row of an archive with 20 images of each class."""
    report = {
        "kind": "zip",
        "samples": 20 * len(classes),
        "duplicates": 0,
        "bad": 0,
        "held_out": 0,
        "classes": dict.fromkeys(classes, 20),
    }
    session.add(
        DatasetFile(
            dataset_id=dataset, name=name, bytes=9, sha256=name[0] * 64, object_key=name, report=report
        )
    )
    session.flush()


@pytest.mark.parametrize("deleted", [False, True])
def test_a_head_that_grows_begins_with_a_fresh_optimiser(
    session: WriteSession, project: str, tmp_path: Path, *, deleted: bool
) -> None:
    body = DatasetIn(name="pets", modality="image")
    first = datasets.create(session, project, body).id
    images(session, first, "a.zip", "cat", "dog")
    datasets.complete(session, project, first)
    made = trained(
        session,
        project,
        first,
        100,
        task={"kind": "image_classification"},
        model={},
        data={"image": {"size": 8}},
        training={"steps": 100, "batch_size": 4},
    )
    found = {}
    for name, classes in (("known", ("dog",)), ("more", ("dog", "fox"))):
        version = versions.create(session, project, first, VersionIn()).id
        images(session, version, "b.zip", *classes)
        datasets.complete(session, project, version)
        found[name] = version
    if deleted:
        datasets.delete(session, open_storage(tmp_path.as_uri()), project, first)
    for name, files, scope, steps in (("known", "all", "all", 200), ("more", "new", "weights", 100)):
        spec = proposed(session, project, found[name]).spec
        assert spec["data"]["files"] == files, "images of one class cannot be learned from alone"
        assert jobs.validate_document(session, project, spec).valid
        assert spec["start"] == {"checkpoint": made[0].id, "scope": scope}
        assert spec["training"]["steps"] == steps
        assert "tokenizer" not in spec["data"]
