"""Adaptations of audio networks in whole runs: resuming to the bit, and counts."""

from pathlib import Path
from typing import Any

import pytest

from core.spec.estimate import estimate
from tests.core.tasks.test_audio_classification import job as audio_classification
from tests.core.tasks.test_audio_classification import made
from tests.core.training.adaptations import LOGGED, METHODS
from tests.core.training.interruptions import hashes, killed_at_three_random_steps, points


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", ["ast", "wav2vec2"])
def test_audio_killed_at_three_random_steps_ends_in_the_straight_runs_bits(
    family: str, method: str, audio_spec: dict[str, Any], pretrain: Any, recordings: Path, tmp_path: Path
) -> None:
    spec = _audio(family, method, audio_spec)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    engine = pretrain(spec, straight, data=recordings)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    killed_at_three_random_steps(pretrain, spec, broken, data=recordings)
    assert hashes(broken, 12) == hashes(straight, 12)
    assert points(broken) == points(straight)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", ["ast", "wav2vec2"])
def test_parameters_of_audio_are_counted_without_the_network(
    family: str, method: str, audio_spec: dict[str, Any], recordings: Path, cache: Path
) -> None:
    spec, objective = made(_audio(family, method, audio_spec), recordings, cache)
    told = estimate(spec, classes=2)
    assert told.parameters == objective.parameter_count
    assert told.trainable_parameters == objective.trainable_parameter_count


def _audio(family: str, method: str, audio_spec: dict[str, Any]) -> dict[str, Any]:
    training = LOGGED | {"steps": 12}
    spec = audio_classification(family, audio_spec, training=training, model={"layers": 2, "dropout": 0.1})
    return spec | {"name": f"{family} {method}", "adaptation": METHODS[method]}
