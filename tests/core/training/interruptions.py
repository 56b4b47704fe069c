"""Comparison of an interrupted run with an uninterrupted one: every tensor on disk, every logged number."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

TIMINGS = {"train/samples_per_s", "train/tokens_per_s", "train/data_wait_fraction", "system/memory_mb"}


def hashes(out: Path, step: int) -> dict[str, str]:
    """The sha256 of every file of tensors in a run's checkpoint: networks, heads, moving averages, optimisers."""
    folder = out / f"step-{step:08d}"
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.safetensors"))
    }


def points(out: Path) -> dict[tuple[int, str], float]:
    """Every metric point of a run except its timings; fails if one is there twice."""
    found: dict[tuple[int, str], float] = {}
    for line in (out / "metrics.jsonl").read_text().splitlines():
        event = json.loads(line)
        for name, value in event["values"].items():
            assert (event["step"], name) not in found
            found[event["step"], name] = value
    return {key: value for key, value in found.items() if key[1] not in TIMINGS}


def pictures(out: Path) -> dict[str, bytes]:
    """The samples of a run."""
    return {
        str(path.relative_to(out)): path.read_bytes() for path in sorted((out / "samples").rglob("*.png"))
    }


def killed_at_three_random_steps(pretrain: Any, spec: dict[str, Any], out: Path, **options: Any) -> None:
    """Run ``spec`` to its end in ``out``, in four pieces; where it is cut is a function of its name and its task."""
    dice = np.random.default_rng(list(json.dumps([spec["name"], spec["task"]]).encode()))
    last, every = spec["training"]["steps"], spec["training"]["checkpoint_every"]
    early = dice.choice(np.arange(2, last // 2 + 1), 2, replace=False).tolist()
    late = int(dice.integers(max(last // 2, 2 * every) + 1, last + 1))
    for step in (*sorted(early), late):
        assert pretrain(spec, out, dies_at=step, **options).end() == {"signal": 9}
    engine = pretrain(spec, out, **options)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    # The newest checkpoint may be incomplete; the one before is complete.
    newest = (late - 1) // every * every
    assert 0 < newest - every <= engine.of("started")[0]["resumed_from_step"] <= newest
