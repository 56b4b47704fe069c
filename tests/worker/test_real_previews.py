"""A preview by the real engine, through Celery and the supervisor."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from control.db import read, write
from control.lifecycle.models import Job
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.preview import KIND as PREVIEW
from control.short_jobs.kinds.preview import PreviewOptions
from control.short_jobs.presenters import short_job_out, shown
from control.workers.fleet import fleet
from core.spec.problems import validate
from tests.core.image_jobs import image_job, striped_images
from tests.worker.conftest import Bench, eventually

pytestmark = pytest.mark.usefixtures("real_worker")


def _previewed(bench: Bench, document: dict[str, Any], *, samples: int, step: int) -> Job:
    def online() -> bool:
        with read(bench.database) as session:
            return bool(fleet(session).members)

    eventually(online, "a worker")
    with write(bench.database) as session:
        short_job = short_jobs.create_from_spec(
            session, PREVIEW, bench.project, validate(document), PreviewOptions(samples=samples, step=step)
        )
    return bench.await_state(short_job.id, "succeeded", "failed")


def test_pictures_are_in_storage_before_a_preview_succeeds(bench: Bench, tmp_path: Path) -> None:
    archive = striped_images(tmp_path / "images.zip", count=24).read_bytes()
    # A half is held out, by its hash: of 24 images fewer than 16 are left to learn from.
    masked = image_job("masked_autoencoder", data={"held_out_fraction": 0.5})
    masked["dataset"] = bench.images(archive, 24)
    starved = masked | {"training": masked["training"] | {"batch_size": 20}}
    done = _previewed(bench, masked, samples=5, step=3)
    failed = _previewed(bench, starved, samples=16, step=1)

    assert done.state == "succeeded", done.failure
    with read(bench.database) as session:
        out = short_job_out(session, PREVIEW, session.get_one(Job, done.id))
    assert out.result
    [thing] = out.result.shown
    assert (thing.name, thing.media_type) == ("image_masked", "image/png")
    key = shown(done, thing.name).key
    with bench.storage.open(key) as content:
        picture = np.array(Image.open(io.BytesIO(content.read())))
    assert picture.shape == (2 + 2 * 66, 2 + 5 * 66, 3)
    assert "sample" not in bench.events(done.id), "a preview is no run that shows samples"
    assert done.result
    assert "path" not in done.result, "a worker's directories are nobody's business"

    assert (failed.state, failed.attempt) == ("failed", 1), "a retry would not help"
    assert failed.failure
    assert failed.failure["code"] == "data_too_small"


def test_text_is_shown_with_its_masks(bench: Bench) -> None:
    document = {
        "name": "real",
        "dataset": bench.dataset(b"some text to learn from, line by line\n\n" * 3000),
        "task": {"kind": "masked_lm"},
        "model": {"layers": 1, "hidden_size": 32, "heads": 2},
        "data": {"tokenizer": {"vocabulary_size": 300}},
        "training": {"steps": 3, "batch_size": 4, "sequence_length": 32},
    }
    done = _previewed(bench, document, samples=2, step=1)
    assert done.state == "succeeded", done.failure
    thing = shown(done, "model")
    with bench.storage.open(thing.key) as content:
        text = content.read().decode()
    assert thing.bytes == len(text.encode())
    assert text.count("── ") == 2
    assert "[MASK]" in text
