"""An audio run killed at any moment, and resumed, ends in the same bits as one that never was."""

from pathlib import Path
from typing import Any

from tests.core.training.interruptions import hashes, killed_at_three_random_steps, points


def test_killed_and_stopped_runs_end_with_the_bits_of_an_uninterrupted_run(
    audio_task: dict[str, Any], audio_spec: dict[str, Any], pretrain: Any, recordings: Path, tmp_path: Path
) -> None:
    augmentation = {"gain_db": 6.0, "noise_snr_db": [5.0, 20.0], "speed": 0.1, "time_mask": 0.2}
    spec = audio_spec | {"task": audio_task | {"augmentation": augmentation}}
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    first = pretrain(spec, straight, data=recordings)
    assert first.end() == {"exit": 0}, first.log.read_text()
    assert first.of("prepared")[0]["groups_held_out"] == 1

    killed_at_three_random_steps(pretrain, spec, broken, data=recordings)
    assert hashes(broken, 8) == hashes(straight, 8)
    assert points(broken) == points(straight)


def test_a_collapsed_codebook_pauses_the_run_if_the_spec_says_so(
    audio_tasks: dict[str, Any], audio_spec: dict[str, Any], pretrain: Any, recordings: Path, tmp_path: Path
) -> None:
    """With a rate so high that all frames get the same code words."""
    audio_spec["training"] |= {
        "on_collapse": "pause",
        "evaluate_every": 2,
        "gradient_clip": None,
        "optimizer": {"learning_rate": 1.0},
        "schedule": {"kind": "constant"},
    }
    task = audio_tasks["wav2vec2"] | {"diversity_weight": 0.0}
    engine = pretrain(audio_spec | {"task": task}, tmp_path / "out", data=recordings)
    assert engine.end() == {"exit": 76}, engine.log.read_text()
    codes = [warning["code"] for warning in engine.of("warning")]
    assert codes.count("codebook_collapsed") == 1
    finished = engine.of("finished")[0]
    assert finished["reason"] == "paused"
    assert finished["step"] < 8
    assert (tmp_path / "out" / f"step-{finished['step']:08d}" / "manifest.json").exists()
