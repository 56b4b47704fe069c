"""A whole run as its supervisor sees it: events, metrics, files."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from core.checkpoints.manifest import MANIFEST, verify
from core.commands.terminal import describe, terminal_sink

TRAINING = {
    "train/loss",
    "train/learning_rate",
    "train/gradient_norm",
    "train/samples_per_s",
    "train/tokens_per_s",
    "train/data_wait_fraction",
    "system/memory_mb",
}
EVALUATION = {
    "eval/loss",
    "eval/perplexity",
    "eval/bits_per_byte",
    "eval/masked_accuracy",
    "eval/unigram_entropy",
}


def test_events_of_a_run_are_those_of_the_protocol(
    spec: dict[str, Any], pretrain: Any, tmp_path: Path
) -> None:
    spec["training"] |= {"log_every": 5, "evaluate_every": 7, "checkpoint_every": 6}
    out = tmp_path / "out"
    engine = pretrain(spec, out)
    assert engine.end() == {"exit": 0}

    kinds = [event["event"] for event in engine.seen if event["event"] != "progress"]
    assert kinds[:2] == ["started", "prepared"]
    assert kinds[-1] == "finished"
    assert set(kinds) == {"started", "prepared", "metrics", "checkpoint", "finished"}
    started = engine.of("started")[0]
    assert started["pid"] == engine.pid
    assert (started["device"], started["precision"], started["threads"]) == ("cpu", "fp32", 1)
    assert (started["resumed_from_step"], started["steps"]) == (0, 16)

    train = [event for event in engine.of("metrics") if "train/loss" in event["values"]]
    evaluated = [event for event in engine.of("metrics") if "eval/loss" in event["values"]]
    assert [event["step"] for event in train] == [1, 5, 10, 15, 16]
    assert [event["step"] for event in evaluated] == [7, 14, 16]
    assert all(set(event["values"]) == TRAINING for event in train)
    assert all(set(event["values"]) == EVALUATION for event in evaluated)
    assert train[-1]["values"]["train/loss"] < train[0]["values"]["train/loss"]
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert lines == engine.of("metrics")

    assert [event["step"] for event in engine.of("checkpoint")] == [6, 12, 16]
    last = engine.of("checkpoint")[-1]
    assert last["path"] == str(out / "step-00000016")
    manifest = verify(Path(last["path"]))
    content = (out / "step-00000016" / MANIFEST).read_bytes()
    assert last["manifest_sha256"] == hashlib.sha256(content).hexdigest()
    assert last["bytes"] == manifest.total_bytes
    assert manifest.metrics == last["metrics"] == evaluated[-1]["values"]
    assert engine.seen[-1]["values"] == evaluated[-1]["values"]
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_accumulation_changes_only_what_dropout_draws(
    spec: dict[str, Any], pretrain: Any, tmp_path: Path
) -> None:
    spec["model"]["dropout"] = 0.0
    spec["training"] |= {"precision": "fp32", "steps": 6}
    losses = {}
    for parts in (1, 4):
        spec["training"]["accumulation_steps"] = parts
        engine = pretrain(spec, tmp_path / str(parts))
        assert engine.end() == {"exit": 0}
        values = [event["values"] for event in engine.of("metrics")]
        losses[parts] = [value["train/loss"] for value in values if "train/loss" in value]
    assert len(losses[1]) == 6
    assert losses[4] == pytest.approx(losses[1], rel=1e-5)


def test_checkpoints_by_the_clock_and_their_retention(
    spec: dict[str, Any], pretrain: Any, tmp_path: Path
) -> None:
    spec["training"] |= {"checkpoint_every": None, "checkpoint_every_seconds": 1e-6, "steps": 8}
    spec["training"]["retention"] = {"keep_last": 1, "keep_every": 4, "keep_best": "eval/loss"}
    engine = pretrain(spec, tmp_path / "out")
    assert engine.end() == {"exit": 0}
    assert [event["step"] for event in engine.of("checkpoint")] == list(range(1, 9))
    assert sorted(path.name for path in (tmp_path / "out").glob("step-*")) == [
        "step-00000004",
        "step-00000008",
    ]


def test_a_log_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    events: list[dict[str, Any]] = [
        {"event": "started", "device": "cpu", "device_name": "A processor", "precision": "bf16", "threads": 2}
        | {"resumed_from_step": 20, "steps": 100},
        {"event": "progress", "phase": "training_tokenizer", "done": 1, "total": None, "unit": "characters"},
        {
            "event": "prepared",
            "documents": 1234,
            "tokens": 5678,
            "tokens_held_out": 99,
            "parameters": 1_000_000,
        },
        {"event": "metrics", "step": 30, "values": {"train/loss": 2.5, "train/tokens_per_s": 12345.6}},
        {"event": "checkpoint", "path": "out/step-00000030", "bytes": 5_000_000},
        {"event": "warning", "code": "x", "message": "something [red] is odd"},
        {"event": "failed", "message": "It broke.", "hint": "Mend it."},
    ]
    for live in (False, True):
        sink = terminal_sink(live=live)
        for event in events:
            sink(event)
        told = capsys.readouterr().err
        for words in (
            "A processor",
            "continuing from step 20",
            "1,234 documents",
            "[red] is odd",
            "Mend it.",
        ):
            assert words in told
        assert ("30/100" in told) == live
    assert describe({"event": "progress"}) is None
