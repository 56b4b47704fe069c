"""How a run ends that fails or is stopped."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from core.checkpoints.manifest import MANIFEST, describe_files, read_manifest
from core.data import data_files, sample_indices
from core.data.locks import locked
from core.data.text import PackedSequences, cache_key, prepare
from core.errors import EngineError
from core.spec.job import JobSpec
from core.training.batches import BatchStream
from core.training.divergence import DivergenceCheck

ROOT = Path(__file__).parents[3]


def failure(engine: Any, exit_code: int) -> dict[str, Any]:
    """The last event of a run that failed."""
    assert engine.end() == {"exit": exit_code}
    last: dict[str, Any] = engine.seen[-1]
    assert last["event"] == "failed"
    assert last["message"]
    assert last["hint"]
    return last


def test_an_invalid_spec_fails(spec: dict[str, Any], pretrain: Any, tmp_path: Path) -> None:
    spec["training"]["stpes"] = 3
    event = failure(pretrain(spec, tmp_path / "out"), 64)
    assert event["code"] == "spec_invalid"
    assert event["details"]["problems"][0]["param"] == "training.stpes"


def test_too_little_text_fails(spec: dict[str, Any], pretrain: Any, tmp_path: Path) -> None:
    (tmp_path / "few.txt").write_text("A word or two.\n\nAnd three more words.\n")
    event = failure(pretrain(spec, tmp_path / "out", data=tmp_path / "few.txt"), 65)
    assert event["code"] == "data_too_small"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the GPU that is to be missing")
def test_a_missing_gpu_fails(spec: dict[str, Any], pretrain: Any, tmp_path: Path) -> None:
    spec["resources"]["device"] = "cuda"
    assert failure(pretrain(spec, tmp_path / "out"), 64)["code"] == "device_unavailable"


def test_a_run_directory_that_is_a_file_fails(spec: dict[str, Any], pretrain: Any, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    assert failure(pretrain(spec, tmp_path / "out"), 74)["code"] == "run_directory_unwritable"


def test_a_stop_while_preparing_ends_the_run(
    spec: dict[str, Any], pretrain: Any, corpus: Path, tmp_path: Path
) -> None:
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    key = cache_key(data_files([corpus]), JobSpec.model_validate(spec).data)
    with locked(waiting / f"{key}.lock"):  # preparation waits until the test releases the lock
        engine = pretrain(spec, tmp_path / "out", "--cache", str(waiting))
        engine.until("started")
        second = failure(pretrain(spec, tmp_path / "out"), 74)
        assert second["code"] == "run_directory_busy"
        engine.signal(signal.SIGTERM)
        assert engine.end() == {"exit": 75}
    assert engine.seen[-1]["event"] == "finished"
    assert engine.seen[-1]["reason"] == "stopped"


def test_a_second_signal_ends_at_once(spec: dict[str, Any], pretrain: Any, tmp_path: Path) -> None:
    spec["training"]["steps"] = 1_000_000
    engine = pretrain(spec, tmp_path / "out")
    engine.until("metrics")
    engine.signal(signal.SIGSTOP)  # so that both signals arrive before it can handle the first
    engine.signal(signal.SIGINT)
    engine.signal(signal.SIGTERM)
    engine.signal(signal.SIGCONT)
    assert engine.end()["signal"] in {signal.SIGINT, signal.SIGTERM}


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(
    spec: dict[str, Any], pretrain: Any, corpus: Path, cache: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    spec["training"]["steps"] = 30
    spec["training"]["log_every"] = 10
    engine = pretrain(spec, out)
    engine.until("checkpoint", 6)
    engine.signal(signal.SIGKILL)
    engine.end()
    newest = max(out.glob("step-*"))
    weights = load_file(newest / "model.safetensors")
    weights["cls.predictions.bias"][5] = float("inf")
    save_file(weights, newest / "model.safetensors", metadata={"format": "pt"})
    manifest = replace(read_manifest(newest), files=describe_files(newest))
    (newest / MANIFEST).write_bytes(manifest.encode())

    event = failure(pretrain(spec, out), 66)
    assert event["code"] == "non_finite_loss"
    assert event["step"] == manifest.step + 1
    job = JobSpec.model_validate(spec)
    samples = PackedSequences(prepare(data_files([corpus]), job.data, cache), "train", 32)
    expected = sample_indices(7, manifest.step + 1, 8, len(samples)).tolist()
    assert event["details"]["sample_ids"] == expected
    assert event["details"]["loss"] in {"nan", "inf"}
    assert max(out.glob("step-*")) == newest


class Samples:
    """Samples that are never read."""

    def __len__(self) -> int:
        return 100

    def rows(self, indices: Any, /) -> Any:
        raise AssertionError


def test_the_first_step_with_a_bad_loss_is_reported_even_if_losses_are_read_later(
    spec: dict[str, Any],
) -> None:
    job = JobSpec.model_validate(spec)
    with BatchStream(None, Samples(), job.training, None) as batches:  # type: ignore[arg-type]
        health = DivergenceCheck(torch.device("cpu"), batches)
        health.looks_each_step = False  # as on a GPU
        bad = {4: (1.0, float("nan")), 6: (float("inf"), 1.0)}
        for step in range(1, 10):
            loss, norm = bad.get(step, (1.0, 1.0))
            health.note(step, torch.tensor(loss), torch.tensor(norm))
            if step < 4:
                health.check()
        with pytest.raises(EngineError) as caught:
            health.check()
    assert caught.value.code == "non_finite_loss"
    assert caught.value.details["step"] == 4
    assert caught.value.details["sample_ids"] == sample_indices(7, 4, 8, 100).tolist()
    assert np.isnan(float(caught.value.details["gradient_norm"]))  # JSON has no NaN


def test_too_little_memory_says_how_much_was_used_and_what_to_lower(
    spec: dict[str, Any], pretrain: Any, corpus: Path, tmp_path: Path
) -> None:
    # One layer of 32 to 1,000,000 is small enough to be built within the limit and too large for a batch's activations.
    spec["model"] = {"layers": 1, "hidden_size": 32, "heads": 2, "intermediate_size": 1_000_000}
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    key = cache_key(data_files([corpus]), JobSpec.model_validate(spec).data)
    with locked(waiting / f"{key}.lock"):
        engine = pretrain(spec, tmp_path / "out", "--cache", str(waiting))
        engine.until("started")
        status = Path(f"/proc/{engine.pid}/statm").read_text()
        used = int(status.split()[0]) * os.sysconf("SC_PAGE_SIZE")
        limit = used + (700 << 20)
        resource.prlimit(engine.pid, resource.RLIMIT_AS, (limit, limit))
    event = failure(engine, 71)
    assert event["code"] == "out_of_memory"
    assert 100 < event["details"]["peak_mb"] < limit / (1 << 20)
    assert "accumulation_steps" in event["hint"]


@pytest.fixture
def small_disk(tmp_path: Path) -> list[str]:
    """A command prefix that gives its command a disk of 3 MB at ``tmp_path/disk``."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    script = f'mount -t tmpfs -o size=3m tmpfs {disk} && exec "$@"'
    if (
        not shutil.which("unshare")
        or subprocess.run([*command, script, "sh", "true"], check=False).returncode
    ):
        pytest.skip("this kernel lets nobody mount a file system of their own")
    return [*command, script, "sh"]


def test_a_full_disk_while_checkpointing_leaves_the_old_checkpoints_whole(
    spec: dict[str, Any], small_disk: list[str], corpus: Path, cache: Path, tmp_path: Path
) -> None:
    # A checkpoint of this network takes about 0.6 MB: some fit on the disk, all of them do not.
    spec["training"] |= {"steps": 60, "checkpoint_every": 2, "retention": {"keep_last": 100}}
    job, out = tmp_path / "job.json", tmp_path / "disk"
    job.write_text(json.dumps(spec))
    listing = "import sys; from pathlib import Path; from core.checkpoints.manifest import verify;"
    listing += "print(len([verify(p) for p in Path(sys.argv[1]).glob('step-*')]));"
    listing += "print([p.name for p in Path(sys.argv[1]).iterdir() if p.name.startswith('.')])"
    run = [
        sys.executable,
        "-m",
        "core",
        "run",
        job,
        "--data",
        corpus,
        "--out",
        out,
        "--cache",
        cache,
        "--threads",
        "1",
    ]
    script = '"$@" --events-fd 1; echo $?; exec ' + f'{sys.executable} -c "{listing}" {out}'
    done = subprocess.run(
        [*small_disk, "sh", "-c", script, "sh", *run], check=True, cwd=ROOT, capture_output=True, text=True
    )
    *lines, exit_code, whole, leftovers = done.stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert exit_code == "74"
    assert events[-1]["event"] == "failed"
    assert events[-1]["code"] == "disk_full"
    assert [event["code"] for event in events if event["event"] == "warning"] == ["disk_full", "disk_full"]
    assert int(whole) == len([event for event in events if event["event"] == "checkpoint"]) > 0
    assert leftovers == "[]"
