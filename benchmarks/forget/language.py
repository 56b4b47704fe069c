"""Masked language models: Python's documentation first, then Shakespeare.

The measure is ``eval/bits_per_byte`` of the held-out text: the loss of the masked tokens, as if every token cost as much, over the
bytes of the text. It is comparable between the two texts and between steps, but no exact code length: a masked model has none.
"""

import pydoc_data.topics
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.forget.lineage import Runner, Stage

FIRST, SECOND = "python", "shakespeare"
FILE = "tinyshakespeare.txt"
STEPS = {FIRST: 600, SECOND: 300}
METHODS: Mapping[str, Mapping[str, Any]] = {
    "none": {},
    "replay": {"replay": {"samples": 1000, "share": 0.25}},
    "ewc": {"ewc": {"strength": 100, "samples": 1000}},
    "lwf": {"lwf": {"strength": 1.0, "temperature": 2.0}},
    "replay_ewc": {
        "replay": {"samples": 1000, "share": 0.25},
        "ewc": {"strength": 100, "samples": 1000},
    },
}


def spec(seed: int, stage: str) -> dict[str, Any]:
    """The spec of a stage."""
    tokenizer = {"kind": "character"} if stage == FIRST else {"kind": "checkpoint"}
    steps = STEPS[stage]
    return {
        "name": stage,
        "task": {"kind": "masked_lm"},
        "model": {"architecture": "modernbert", "layers": 2, "hidden_size": 64, "heads": 2},
        "data": {"tokenizer": tokenizer, "held_out": "tail", "held_out_fraction": 0.1},
        "training": {
            "steps": steps,
            "batch_size": 32,
            "sequence_length": 64,
            "seed": seed,
            "precision": "fp32",
            "optimizer": {"learning_rate": 1e-2, "weight_decay": 0.01},
            "schedule": {"kind": "cosine", "warmup_steps": 50},
            "log_every": steps,
            "evaluate_every": None,
            "checkpoint_every": None,
            "evaluation_sequences": 10_000,
        },
        "resources": {"device": "cpu"},
    }


def write_stages(source: Path, out: Path) -> dict[str, Path]:
    """Write the text of each stage into a directory of its own; returns the directories by stage."""
    directories = {stage: out / stage for stage in (FIRST, SECOND)}
    for directory in directories.values():
        directory.mkdir(parents=True, exist_ok=True)
    topics = pydoc_data.topics.topics
    (directories[FIRST] / "topics.txt").write_text(
        "\n".join(topics[name] for name in sorted(topics)), encoding="utf-8"
    )
    shutil.copyfile(source / FILE, directories[SECOND] / FILE)
    return directories


def require(source: Path) -> None:
    """End the benchmark if the text is not there; the message says what is needed."""
    if not (source / FILE).exists():
        sys.exit(
            f"{source / FILE} does not exist; --data must be the directory with this file, the plays of Shakespeare as in "
            "char-rnn (1,115,394 bytes). Python's documentation is a part of Python (pydoc_data.topics)."
        )


def first_stage(runner: Runner, data: Mapping[str, Path], seed: int) -> Stage:
    """Learn Python's documentation from fresh weights."""
    return runner.learn(spec(seed, FIRST), data[FIRST], f"text-{seed}/{FIRST}")


def second_stage(runner: Runner, data: Mapping[str, Path], seed: int, first: Stage, method: str) -> Stage:
    """Go on with Shakespeare."""
    out = f"text-{seed}/{SECOND}-{method}"
    return runner.learn(spec(seed, SECOND), data[SECOND], out, [first], METHODS[method])


def forgetting(first: Stage, second: Stage) -> float:
    """Bits a byte of Python's documentation after Shakespeare, less those before."""
    return _bits(second.measured[FIRST]) - _bits(first.measured[FIRST])


def plasticity(second: Stage) -> float:
    """Bits a byte of Shakespeare before it was learned, less those after."""
    return _bits(second.start) - _bits(second.measured[SECOND])


def _bits(values: Mapping[str, float]) -> float:
    return values["eval/bits_per_byte"]
