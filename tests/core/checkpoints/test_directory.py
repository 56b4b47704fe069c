"""Checkpoints in a run directory: complete ones, damaged ones, and retention."""

from pathlib import Path
from typing import Any

import pytest

from core.checkpoints.directory import (
    clear_leftovers,
    newest_whole,
    prune,
    publish,
    temporary_path,
)
from core.checkpoints.manifest import (
    MANIFEST,
    Manifest,
    ManifestError,
    describe_files,
    directory_name,
    read_manifest,
    step_of,
    verify,
)
from core.checkpoints.retention import kept_steps
from core.events import Events
from core.spec.training import CheckpointRetention


def make(run: Path, step: int, **metrics: float) -> Path:
    path = run / directory_name(step)
    (path / "trainer").mkdir(parents=True)
    (path / "config.json").write_text("{}")
    (path / "trainer" / "state.json").write_text(f'{{"step": {step}}}')
    manifest = Manifest(step, "a", "b", "2026-01-01T00:00:00+00:00", metrics, describe_files(path))
    (path / MANIFEST).write_bytes(manifest.encode())
    return path


def test_a_manifest_lists_every_file_and_is_read_back(tmp_path: Path) -> None:
    path = make(tmp_path, 5, **{"eval/loss": 2.5, "eval/perplexity": float("inf")})
    manifest = verify(path)
    assert [file.path for file in manifest.files] == ["config.json", "trainer/state.json"]
    assert manifest.metrics == {"eval/loss": 2.5, "eval/perplexity": float("inf")}
    assert manifest.total_bytes == 2 + len('{"step": 5}')


def test_directory_names_contain_the_step() -> None:
    assert directory_name(200) == "step-00000200"
    assert step_of("step-00000200") == 200
    assert [step_of(name) for name in ("step-2", ".step-200.tmp", "step-00000200.old", "cache")] == [None] * 4


@pytest.mark.parametrize("damage", ["byte", "shorter", "missing", "no manifest", "other format", "nonsense"])
def test_a_damaged_checkpoint_is_skipped_with_a_warning(tmp_path: Path, damage: str) -> None:
    make(tmp_path, 1)
    good, bad = make(tmp_path, 2), make(tmp_path, 3)
    state = bad / "trainer" / "state.json"
    match damage:
        case "byte":
            state.write_text('{"step": 4}')
        case "shorter":
            state.write_text("")
        case "missing":
            state.unlink()
        case "no manifest":
            (bad / MANIFEST).unlink()
        case "other format":
            (bad / MANIFEST).write_text('{"format": 2}')
        case "nonsense":
            (bad / MANIFEST).write_text("[1, 2")
    with pytest.raises(ManifestError):
        verify(bad)
    told: list[Any] = []
    found = newest_whole(tmp_path, Events(told.append))
    assert found
    assert found == (good, read_manifest(good))
    assert [event["code"] for event in told] == ["checkpoint_damaged"]


def test_a_run_directory_without_checkpoints(tmp_path: Path) -> None:
    assert newest_whole(tmp_path, Events()) is None


@pytest.mark.parametrize(
    ("retention", "kept"),
    [
        (CheckpointRetention(), {4, 5, 6}),
        (CheckpointRetention(keep_last=1), {6}),
        (CheckpointRetention(keep_last=1, keep_every=3), {3, 6}),
        (CheckpointRetention(keep_last=1, keep_best="eval/loss"), {3, 6}),
        (CheckpointRetention(keep_last=1, keep_best="eval/masked_accuracy"), {2, 6}),
        (CheckpointRetention(keep_last=1, keep_best="never/logged"), {6}),
        (CheckpointRetention(keep_last=100), {1, 2, 3, 4, 5, 6}),
    ],
)
def test_retention(tmp_path: Path, retention: CheckpointRetention, kept: set[int]) -> None:
    losses = {1: 5.0, 2: 1.0, 3: 1.0, 4: 2.0, 5: 3.0}  # of equals, the newest; step 6 was not evaluated
    metrics = {step: {"eval/loss": loss} for step, loss in losses.items()} | {6: {}}
    metrics[2]["eval/masked_accuracy"] = 0.9
    metrics[3]["eval/masked_accuracy"] = 0.1
    assert kept_steps(metrics, retention) == kept
    for step, values in metrics.items():
        make(tmp_path, step, **values)
    prune(tmp_path, retention)
    assert {step_of(path.name) for path in tmp_path.iterdir()} == kept


def test_a_checkpoint_without_its_manifest_does_not_count_for_retention(tmp_path: Path) -> None:
    for step in (1, 2):
        make(tmp_path, step)
    (make(tmp_path, 3) / MANIFEST).unlink()
    prune(tmp_path, CheckpointRetention(keep_last=1))
    assert (tmp_path / directory_name(2) / MANIFEST).exists()
    assert not (tmp_path / directory_name(1)).exists()


def test_a_damaged_checkpoint_of_the_same_step_is_replaced(tmp_path: Path) -> None:
    damaged = make(tmp_path, 4)
    (damaged / "config.json").write_text("damaged")
    temporary = temporary_path(tmp_path, 4)
    make(tmp_path / "elsewhere", 4).rename(temporary)
    publish(temporary, damaged)
    verify(damaged)
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", directory_name(4)}


def test_incomplete_checkpoints_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    make(tmp_path, 4)
    temporary_path(tmp_path, 8).mkdir()
    (tmp_path / ".step-4.old").mkdir()
    clear_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [directory_name(4)]
