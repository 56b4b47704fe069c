"""A run killed at any moment, and resumed, ends in the same bits as one that never was."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.core.training.interruptions import hashes, killed_at_three_random_steps, points

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "precision", ["fp32", "bf16"]
)  # the networks are so small that even emulated it is fast
def test_killed_and_stopped_runs_end_with_the_bits_of_an_uninterrupted_run(
    spec: dict[str, Any], precision: str, pretrain: Any, corpus: Path, cache: Path, tmp_path: Path
) -> None:
    spec["training"]["precision"] = precision
    # The uninterrupted run is started by a command, the others by the preloaded server; this makes no difference either.
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    job = tmp_path / "job.json"
    job.write_text(json.dumps(spec))
    command = [
        sys.executable,
        "-m",
        "core",
        "run",
        job,
        "--data",
        corpus,
        "--out",
        straight,
        "--cache",
        cache,
        "--threads",
        "2",
    ]
    subprocess.run(command, check=True, cwd=ROOT, stderr=subprocess.DEVNULL)

    for step, number in ((1, signal.SIGKILL), (5, signal.SIGKILL), (8, signal.SIGTERM), (12, signal.SIGKILL)):
        engine = pretrain(spec, broken, threads=2)
        engine.until("metrics", step)
        engine.signal(number)
        assert engine.end() == ({"exit": 75} if number == signal.SIGTERM else {"signal": 9})
        if number == signal.SIGTERM:
            finished = engine.of("finished")[0]
            assert finished["reason"] == "stopped"
            assert (broken / f"step-{finished['step']:08d}" / "manifest.json").exists()
            stopped_at = finished["step"]
    last = pretrain(spec, broken, threads=2)
    assert last.end() == {"exit": 0}
    assert last.of("started")[0]["resumed_from_step"] >= stopped_at

    assert hashes(broken, 16) == hashes(straight, 16)
    assert points(broken) == points(straight)
    assert {name for _, name in points(straight)} >= {"train/loss", "train/gradient_norm", "eval/loss"}
    assert [step for step, name in points(straight) if name == "train/loss"] == list(range(1, 17))


def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(
    spec: dict[str, Any], pretrain: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert pretrain(spec, out).end() == {"exit": 0}
    expected = hashes(out, 16)
    with (out / "step-00000016" / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    (out / "step-00000015" / "manifest.json").unlink()

    again = pretrain(spec, out)
    assert again.end() == {"exit": 0}
    assert again.of("started")[0]["resumed_from_step"] == 12
    assert [warning["code"] for warning in again.of("warning")] == [
        "checkpoint_damaged",
        "checkpoint_damaged",
    ]
    assert hashes(out, 16) == expected


def test_a_finished_run_started_again_only_reports_its_end(
    spec: dict[str, Any], pretrain: Any, tmp_path: Path
) -> None:
    first = pretrain(spec, tmp_path / "out")
    assert first.end() == {"exit": 0}
    before = (tmp_path / "out" / "metrics.jsonl").read_bytes()
    again = pretrain(spec, tmp_path / "out")
    assert again.end() == {"exit": 0}
    assert again.of("finished")[0]["values"] == first.of("finished")[0]["values"]
    assert not again.of("metrics")
    assert (tmp_path / "out" / "metrics.jsonl").read_bytes() == before


def test_a_run_continues_from_a_checkpoint_that_was_carried_elsewhere(
    spec: dict[str, Any], pretrain: Any, tmp_path: Path
) -> None:
    assert pretrain(spec, tmp_path / "a").end() == {"exit": 0}
    shutil.copytree(tmp_path / "a" / "step-00000012", tmp_path / "carried")
    resumed = pretrain(spec, tmp_path / "b", "--resume", str(tmp_path / "carried"))
    assert resumed.end() == {"exit": 0}
    assert hashes(tmp_path / "b", 16) == hashes(tmp_path / "a", 16)
    assert points(tmp_path / "b") == {k: v for k, v in points(tmp_path / "a").items() if k[0] > 12}


def test_another_spec_does_not_continue_a_run_by_accident(
    spec: dict[str, Any], pretrain: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    spec["training"]["steps"] = 3
    spec["training"]["schedule"]["warmup_steps"] = 1
    assert pretrain(spec, out).end() == {"exit": 0}
    spec["training"]["seed"] = 8
    refused = pretrain(spec, out)
    assert refused.end() == {"exit": 64}
    assert refused.of("failed")[0]["code"] == "run_directory_taken"
    spec["name"] = "renamed"  # the name of a run does not affect its results
    fresh = pretrain(spec, out, "--fresh")
    assert fresh.end() == {"exit": 0}
    assert fresh.of("started")[0]["resumed_from_step"] == 0


def test_weights_of_another_size_are_refused(spec: dict[str, Any], pretrain: Any, tmp_path: Path) -> None:
    spec["training"]["steps"] = spec["training"]["schedule"]["warmup_steps"] = 3
    assert pretrain(spec, tmp_path / "a").end() == {"exit": 0}
    spec["model"]["hidden_size"] = 64
    refused = pretrain(spec, tmp_path / "b", "--resume", str(tmp_path / "a" / "step-00000003"))
    assert refused.end() == {"exit": 64}
    assert refused.of("failed")[0]["code"] == "checkpoint_mismatch"


@pytest.mark.parametrize("damage", ["no manifest", "no directory"])
def test_a_named_checkpoint_that_is_incomplete_is_refused(
    spec: dict[str, Any], pretrain: Any, tmp_path: Path, damage: str
) -> None:
    if damage == "no manifest":
        (tmp_path / "step-00000003").mkdir()
    refused = pretrain(spec, tmp_path / "out", "--resume", str(tmp_path / "step-00000003"))
    assert refused.end() == {"exit": 65}
    assert refused.of("failed")[0]["code"] == "checkpoint_damaged"


TASKS: dict[str, tuple[dict[str, Any], str]] = {
    "masked modernbert, spans": ({"kind": "masked_lm", "masking": "span"}, "modernbert"),
    "masked bert, features": (
        {"kind": "masked_lm", "masking": "whole_word", "feature_reconstruction": {}},
        "bert",
    ),
    "causal gpt2, apart": ({"kind": "causal_lm", "separate_documents": True}, "gpt2"),
    "causal llama": ({"kind": "causal_lm"}, "llama"),
    "denoising t5": ({"kind": "text_denoising_autoencoder"}, "t5"),
}


@pytest.mark.parametrize("name", TASKS)
def test_every_text_task_resumes_to_the_bit(
    spec: dict[str, Any], pretrain: Any, tmp_path: Path, name: str
) -> None:
    spec["task"], architecture = TASKS[name]
    spec["name"] = name
    spec["model"]["architecture"] = architecture
    spec["training"] |= {"steps": 12, "evaluate_every": 4, "checkpoint_every": 2}
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert pretrain(spec, straight).end() == {"exit": 0}
    killed_at_three_random_steps(pretrain, spec, broken)
    assert hashes(broken, 12) == hashes(straight, 12)
    heads = "feature_reconstruction" in spec["task"]
    assert ("heads.safetensors" in hashes(straight, 12)) == heads
    assert points(broken) == points(straight)
    if heads:
        assert {name for _, name in points(straight)} >= {"train/task_loss", "train/feature_loss"}
