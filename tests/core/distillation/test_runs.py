"""A student learns from a teacher: of the same task by its logits, of another by what is inside its encoder."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.core.training.reference.jobs import CASES

STEPS = 4
MASKED = {"vocabulary_size": 300, "kind": "bpe"}


def job(case: str, **changes: Any) -> dict[str, Any]:
    """A short job of a case."""
    found: dict[str, Any] = json.loads(json.dumps(CASES[case].document))
    found["training"] |= {"steps": STEPS, "evaluate_every": 2, "checkpoint_every": 2}
    return found | changes


def student(case: str, distillation: dict[str, Any], **changes: Any) -> dict[str, Any]:
    found = job(case, distillation=distillation, **changes)
    found["data"].pop("tokenizer", None)
    return found


@pytest.fixture
def data(request: pytest.FixtureRequest) -> Any:
    return lambda case: request.getfixturevalue(CASES[case].data)


@pytest.fixture
def taught(pretrain: Any, tmp_path: Path, data: Any) -> Any:
    """Trains a teacher and returns its checkpoint."""

    def teach(case: str) -> Path:
        engine = pretrain(job(case), tmp_path / "teacher", data=data(case))
        assert engine.end() == {"exit": 0}, engine.log.read_text()
        return tmp_path / "teacher" / f"step-{STEPS:08d}"

    return teach


ALL = {
    "hidden": {"loss": "mse"},
    "relations": {},
    "features": {},
}


@pytest.mark.parametrize("case", ["masked_lm", "masked_lm-modernbert", "causal_lm-llama", "image_classification", "image_classification-resnet", "text_classification", "text_classification-t5", "token_classification-gpt2", "audio_classification", "audio_classification-wav2vec2"])
def test_a_student_learns_from_a_teacher_of_its_task(case: str, taught: Any, pretrain: Any, data: Any, tmp_path: Path) -> None:
    teacher = taught(case)
    matched = {"features": {}} if case.endswith("resnet") else ALL
    spec = student(case, {**matched})
    engine = pretrain(spec, tmp_path / "student", "--teacher", str(teacher), data=data(case))
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    values = engine.of("metrics")[0]["values"]
    assert values["train/logits_loss"] > 0
    assert values["train/features_loss"] > 0
