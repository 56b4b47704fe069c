"""Jobs on versions of datasets, with the real engine: in a module of its own, whose bench has no worker of the scripted engine."""

import hashlib
import pydoc_data.topics
from typing import Any

import pytest

from control.broker import broker
from control.checkpoints.models import Checkpoint
from control.datasets import service as datasets
from control.db import read, write
from control.errors import Conflict
from control.jobs.continuation import continuation
from core.spec.job import JobSpec
from core.spec.prepared import prepared_key
from tests.worker.conftest import Bench, await_gone, eventually

TOPICS = list(pydoc_data.topics.topics.values())
MAY, JUNE = ("\f".join(part).encode()[:150_000] for part in (TOPICS[::2], TOPICS[1::2]))
SMALL: dict[str, Any] = {
    "model": {"layers": 1, "hidden_size": 32, "heads": 2},
    "data": {"tokenizer": {"vocabulary_size": 400}},
    "training": {"steps": 20, "batch_size": 4, "sequence_length": 32, "checkpoint_every": 5},
}
LAST = 140


def checkpoint(bench: Bench, job: str, step: int) -> Checkpoint:
    with read(bench.database) as session:
        return session.query(Checkpoint).filter_by(job_id=job, step=step).one()


def written(bench: Bench, job: str, step: int) -> dict[str, str]:
    """Of the files of a checkpoint that depend on the data and the training alone, their hashes; and the key of the data."""
    manifest = checkpoint(bench, job, step).manifest
    kept = ("model.safetensors", "tokenizer.json", "trainer/optimizer.safetensors")
    found = {file["path"]: file["sha256"] for file in manifest["files"] if file["path"] in kept}
    assert len(found) == len(kept), "a file has another name"
    return found | {"data": manifest["data_key"]}


def key_of(bench: Bench, job: str, files: dict[str, bytes]) -> str:
    """The key of the data prepared from these files for a job, whatever dataset they are in."""
    spec = JobSpec.model_validate(bench.job(job).spec)
    named = [[name, hashlib.sha256(content).hexdigest()] for name, content in files.items()]
    return prepared_key("text", spec.prepared_data, named)


def test_a_version_is_trained_on_as_a_whole_or_on_what_is_new_through_a_kill(bench: Bench) -> None:
    first = bench.dataset(MAY, "may.txt")
    version = bench.version(first, JUNE, "june.txt")
    # The new file, in a dataset that is no version.
    alone = bench.dataset(JUNE, "june.txt")

    with bench.worker(engine="core") as worker:
        start = bench.submit("start", dataset=first, **SMALL)
        whole = bench.submit("all", dataset=version, **SMALL | {"training": SMALL["training"] | {"steps": 5}})
        for job in (start, whole):
            assert bench.await_state(job, "succeeded", "failed").state == "succeeded", bench.job(job).failure
        assert written(bench, start, 20)["data"] == key_of(bench, start, {"may.txt": MAY})
        assert written(bench, whole, 5)["data"] == key_of(bench, whole, {"june.txt": JUNE, "may.txt": MAY})

        with read(bench.database) as session:
            found = continuation(session, bench.project, version)
        assert found is not None
        proposed = {name: found.spec[name] for name in ("data", "training", "start", "model", "continual")}
        assert proposed["training"]["steps"] == 40
        assert proposed["continual"] == {"replay": {}}
        # Many steps after the one at which it is killed, so that they take longer than to kill it on any machine.
        proposed["training"] = proposed["training"] | {"steps": LAST, "checkpoint_every": 20}
        killed = bench.submit("new", dataset=version, **proposed)
        bench.await_checkpoint(killed, 40)
        left = worker.all()
        worker.process.kill()
        await_gone(left)
    assert bench.job(killed).state == "running"
    with pytest.raises(Conflict), write(bench.database) as session:
        datasets.delete(session, bench.storage, bench.project, first)  # the job replays what is there

    def expired() -> bool:
        bench.maintenance().expire_leases()
        return bench.job(killed).state == "queued"

    eventually(expired, "the end of the lease")
    with bench.worker(engine="core"):
        broker().wake("cpu", killed)
        bench.await_state(killed, "succeeded", "failed")
        other = proposed["data"] | {"files": "all"}
        unbroken = bench.submit("alone", dataset=alone, **proposed | {"data": other})
        assert bench.await_state(unbroken, "succeeded", "failed").state == "succeeded", bench.job(
            unbroken
        ).failure
    assert bench.job(killed).state == "succeeded", bench.job(killed).failure
    assert bench.job(killed).attempt == 2
    assert written(bench, killed, LAST) == written(bench, unbroken, LAST)
    with write(bench.database) as session:
        datasets.delete(session, bench.storage, bench.project, first)
    assert bench.storage.exists(bench.blob_key(MAY)), "the version has it too"
