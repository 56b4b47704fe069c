"""The methods against forgetting in the engine: a stage that is killed ends with the same bits, its buffer and Fisher information included."""

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.core.continual.stages import STEPS, ancestor, document_of, earlier, last
from tests.core.training.interruptions import hashes, points
from tests.core.training.reference.jobs import CASES

EWC = {"strength": 10.0, "samples": 5}
REPLAY = {"samples": 12, "share": 0.4}
ALL: dict[str, Any] = {"ewc": EWC, "replay": REPLAY, "lwf": {"strength": 0.7}}
METHODS: dict[str, dict[str, Any]] = {
    "ewc": {"ewc": EWC},
    "lwf": {"lwf": {}},
    "replay": {"replay": REPLAY},
    "herding": {"replay": REPLAY | {"choose": "herding"}},
    "all": ALL,
}


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("masked_lm", "all"),
        ("image_classification", "ewc"),
        ("image_classification", "lwf"),
        ("image_classification", "herding"),
        ("audio_classification", "all"),
    ],
)
def test_a_stage_killed_at_three_random_steps_ends_with_the_same_bits(
    name: str, method: str, pretrain: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    data = request.getfixturevalue(CASES[name].data)
    assert pretrain(document_of(name, steps=2), tmp_path / "first", data=data).end() == {"exit": 0}
    spec = document_of(name, continual=METHODS[method] | {"ancestors": [ancestor("job_first", name)]})
    options = earlier(tmp_path / "earlier.json", job_first=data)
    start = ["--start", str(last(tmp_path / "first"))]
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    whole = pretrain(spec, straight, *start, *options, data=data)
    assert whole.end() == {"exit": 0}, whole.log.read_text()
    dice = np.random.default_rng(list(f"{name} {method}".encode()))
    early = int(dice.integers(1, 3))
    # The newest checkpoint may be incomplete; the one before is complete.
    middle, late = sorted(dice.choice(np.arange(3, STEPS + 1), 2, replace=False).tolist())
    for step, where in ((early, start), (middle, start), (late, [])):
        # Once there is a checkpoint of its own, a stage needs that of the stage before no more.
        killed = pretrain(spec, broken, *where, *options, data=data, dies_at=step)
        assert killed.end() == {"signal": signal.SIGKILL}, killed.log.read_text()
    assert pretrain(spec, broken, *options, data=data).end() == {"exit": 0}
    assert hashes(broken, STEPS) == hashes(straight, STEPS)
    assert points(broken) == points(straight)
