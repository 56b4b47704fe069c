"""An engine that uses more memory than its job was admitted with is ended, and the job fails with that reason."""

import subprocess
import sys
from typing import Any

import pytest

from core.spec.problems import validate
from tests.worker.test_supervisor import Place, place
from worker import memory
from worker.memory import MemoryLimit, memory_of

__all__ = ["place"]


def test_an_engine_above_its_memory_limit_is_ended_and_not_retried(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(memory.RUNTIME_BYTES, "cpu", 64 << 20)
    monkeypatch.setattr(memory, "LOOK_SECONDS", 0.0)
    job_id = place.bench.submit("engine step_seconds=0.1 hold_mb=400", training={"steps": 10_000})
    claim = place.run()
    job = place.bench.job(job_id)
    assert (job.state, job.attempt, job.retries_used) == ("failed", 1, 0)
    assert job.failure is not None
    assert job.failure["code"] == "out_of_memory"
    details = job.failure["details"]
    assert details["estimated_bytes"] == claim.memory_bytes == job.memory_bytes > 0
    assert details["taken_bytes"] > details["limit_bytes"] > details["estimated_bytes"]
    assert f"{details['limit_bytes'] / 2**20:,.0f} MiB" in job.failure["message"]


def test_an_engine_below_its_memory_limit_runs_to_its_end(place: Place) -> None:
    job_id = place.bench.submit("engine hold_mb=400")
    place.run()
    assert place.bench.job(job_id).state == "succeeded"


def test_until_the_data_is_prepared_and_for_a_batch_found_by_trial_the_worker_is_the_limit(
    place: Place,
) -> None:
    job_id = place.bench.submit("engine")
    attempt = place.begin()
    attempt.end()
    limit = MemoryLimit.of(attempt.claim, place.resources.machine)
    before = limit.bytes
    limit.handle({"event": "progress"})
    assert limit.bytes == before >= place.resources.machine.memory_bytes
    limit.handle({"event": "prepared", "documents": 1000})
    measured = memory.examination_bytes(limit.spec, training=1000, held_out=0)
    lasting = memory.RUNTIME_BYTES["cpu"] + 3 * place.bench.job(job_id).memory_bytes
    assert limit.bytes == lasting + 256_000 + measured

    attempt.claim.spec["training"]["batch_size"] = "auto"
    limit = MemoryLimit.of(attempt.claim, place.resources.machine)
    limit.handle({"event": "prepared", "documents": 0})
    assert limit.bytes == before


def test_memory_is_that_of_the_process_and_not_of_the_files_it_maps() -> None:
    # In a separate process, because this one may release memory of other tests.
    program = "import sys; sys.stdin.readline(); held = b'x' * (64 << 20); print('held', flush=True); sys.stdin.readline()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        before = memory_of(process.pid)
        process.stdin.write("go on\n")
        process.stdin.flush()
        assert process.stdout.readline() == "held\n"
        assert memory_of(process.pid) - before > 60 << 20
    assert memory_of(2**22 + 1) == 0


def test_measuring_many_samples_is_within_the_limit(place: Place) -> None:
    place.bench.submit("engine")
    attempt = place.begin()
    attempt.end()
    limit = MemoryLimit.of(attempt.claim, place.resources.machine)
    sized: dict[str, Any] = {
        "name": "many",
        "training": {"steps": 1, "batch_size": 2, "probe_samples": 50_000},
    }
    sized["training"]["evaluation_sequences"] = 20_000
    images = {"event": "prepared", "images": 60_000, "images_held_out": 10_000}
    limit.spec = validate(sized | {"task": {"kind": "rotation"}, "model": {"preset": "resnet-mini"}})
    limit.handle(images)
    assert limit.bytes == limit.training + 60_000 * 256 + (50_000 + 10_000) * 256 * memory.FEATURE_BYTES

    hours = {"recordings": 100, "hours": 1.0, "recordings_held_out": 10, "hours_held_out": 0.1}
    limit.spec = validate(
        sized
        | {"task": {"kind": "wav2vec2"}, "data": {"audio": {"clip_seconds": 3.6}}}
        | {"model": {"layers": 1, "hidden_size": 64, "heads": 2}}
    )
    limit.handle({"event": "prepared", **hours})
    assert limit.bytes == limit.training + 1100 * 256 + (1100 + 110) * 64 * memory.FEATURE_BYTES

    limit.spec = validate(sized | {"task": {"kind": "causal_lm"}, "model": {"preset": "gpt2-tiny"}})
    limit.handle({"event": "prepared", "documents": 100, "documents_held_out": 10})
    assert limit.bytes == limit.training + 100 * 256 + (100 + 10) * 128 * memory.FEATURE_BYTES

    limit.spec = validate(sized | {"task": {"kind": "gan"}})
    limit.handle(images)
    assert limit.bytes == limit.training + 60_000 * 256, "a GAN's features are not measured"
