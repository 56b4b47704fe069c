"""What a request for a prediction is checked against before a worker gets it, and which worker gets it."""

import base64
import json
from typing import Any

import pytest
from sqlalchemy import update

from control.checkpoints.models import Checkpoint
from control.datasets.models import DatasetFile
from control.db import WriteSession
from control.errors import SeedbedError
from control.lifecycle.models import Job
from control.predictions.channel import Presence, by_preference
from control.predictions.request import PredictionRequest
from control.predictions.schemas import PredictIn
from control.predictions.service import request_of
from core.spec.predictions import IMAGE_BYTES
from tests.factories import make_checkpoint, make_project, make_running

MASKED_IMAGES = {
    "task": {"kind": "masked_autoencoder"},
    "model": {"preset": "vit-tiny"},
    "training": {"steps": 10, "batch_size": 8},
}


@pytest.fixture
def images(session: WriteSession) -> tuple[Job, Checkpoint]:
    job, claim = make_running(session)
    checkpoint = make_checkpoint(session, claim, 5)
    job.spec = job.spec | MASKED_IMAGES
    session.flush()
    return job, checkpoint


def request(session: WriteSession, made: tuple[Job, Checkpoint], **asked: Any) -> PredictionRequest:
    job, checkpoint = made
    return request_of(session, job.project_id, checkpoint.id, PredictIn(**asked), seconds=60)


def base64_of(size: int) -> str:
    return base64.b64encode(b"x" * size).decode()


@pytest.mark.parametrize(
    ("asked", "code", "param"),
    [
        ({}, "validation_failed", "content"),
        ({"content": ""}, "validation_failed", "content"),
        ({"content": "no base64!"}, "validation_failed", "content"),
        ({"content": base64_of(5), "text": "a"}, "validation_failed", "text"),
        ({"content": base64_of(IMAGE_BYTES + 1)}, "input_too_large", "content"),
        ({"content": base64_of(5), "options": {"seed": -1}}, "validation_failed", "options.seed"),
        ({"content": base64_of(5), "options": {"seed": 1e400}}, "validation_failed", "options.seed"),
        ({"content": base64_of(5), "options": {"sead": 1}}, "validation_failed", "options.sead"),
        ({"kind": "colorize", "content": base64_of(5)}, "prediction_unsupported", "kind"),
    ],
)
def test_what_does_not_fit_is_refused(
    session: WriteSession, images: tuple[Job, Checkpoint], asked: dict[str, Any], code: str, param: str
) -> None:
    with pytest.raises(SeedbedError) as refused:
        request(session, images, **asked)
    assert (refused.value.code, refused.value.param) == (code, param)
    assert refused.value.params


def test_a_request_survives_the_way_to_the_worker(
    session: WriteSession, images: tuple[Job, Checkpoint]
) -> None:
    made = request(session, images, kind="neighbours", content=base64_of(IMAGE_BYTES))
    assert made.kind == "neighbours"
    assert made.options == {"count": 8, "samples": 1000}
    assert [file.name for file in made.dataset] == ["corpus.txt"]
    assert PredictionRequest.parse(json.loads(made.dump())) == made


def test_the_optimiser_is_not_fetched(session: WriteSession, images: tuple[Job, Checkpoint]) -> None:
    _, checkpoint = images
    names = (
        "model.safetensors",
        "trainer/optimizer.safetensors",
        "trainer/state.json",
        "ema/model.safetensors",
    )
    files = [{"path": name, "bytes": 1, "sha256": "ab"} for name in names]
    checkpoint.manifest = checkpoint.manifest | {"files": files}
    session.flush()
    made = request(session, images, content=base64_of(5))
    assert [file["path"] for file in made.files] == ["model.safetensors", "trainer/state.json"]


def test_another_projects_checkpoint_does_not_exist(
    session: WriteSession, images: tuple[Job, Checkpoint]
) -> None:
    with pytest.raises(SeedbedError) as refused:
        request_of(session, make_project(session), images[1].id, PredictIn(), seconds=60)
    assert refused.value.code == "checkpoint_not_found"


def test_a_task_that_is_not_installed_is_told(session: WriteSession, images: tuple[Job, Checkpoint]) -> None:
    job, _ = images
    job.spec = job.spec | {"task": {"kind": "gone"}}
    session.flush()
    with pytest.raises(SeedbedError) as refused:
        request(session, images, content=base64_of(5))
    assert refused.value.code == "task_unavailable"


def test_a_dataset_that_is_too_large_is_not_searched(
    session: WriteSession, images: tuple[Job, Checkpoint]
) -> None:
    session.execute(
        update(DatasetFile).where(DatasetFile.dataset_id == images[0].dataset_id).values(bytes=3 << 30)
    )
    with pytest.raises(SeedbedError) as refused:
        request(session, images, kind="neighbours", content=base64_of(5))
    assert refused.value.code == "dataset_unsearchable"
    assert request(session, images, content=base64_of(5)).dataset == ()


def test_a_worker_with_the_model_comes_first_unless_it_is_much_busier() -> None:
    def worker(name: str, unanswered: int, *loaded: str) -> Presence:
        return Presence(name, f"{name}-1", loaded, unanswered)

    def order(*workers: Presence) -> list[str]:
        return [one.worker_id for one in by_preference(workers, "ckpt_a")]

    assert order(worker("idle", 0), worker("ready", 4, "ckpt_a"), worker("busy", 2)) == [
        "ready",
        "idle",
        "busy",
    ]
    assert order(worker("idle", 0), worker("ready", 20, "ckpt_a")) == ["idle", "ready"]
    assert order(worker("one", 3, "ckpt_a"), worker("two", 1, "ckpt_a")) == ["two", "one"]
    assert order() == []
    assert Presence.parse(worker("one", 3, "ckpt_a").dump()) == Presence("one", "one-1", ["ckpt_a"], 3)
