"""A teacher whose outputs are computed once teaches the same as one that computes beside the student, where nothing is cut."""

import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.distillation.cache import KeptOutputs
from core.distillation.losses import logits_loss
from core.spec.problems import SpecError, validate
from tests.core.distillation.students import STEPS, student
from tests.core.distillation.test_runs import turn_classes
from tests.core.training.interruptions import hashes


def kept(values: list[list[list[float]]], numbers: list[list[list[int]]], width: int) -> KeptOutputs:
    return KeptOutputs(np.array(values, np.float32), np.array(numbers, np.int32), width)


def test_outputs_that_were_cut_are_impossible_and_the_others_where_they_were() -> None:
    # Two samples of two terms each; of four outputs two are kept.
    outputs = kept([[[3, 1], [2, 0]], [[5, 4], [9, 8]]], [[[2, 0], [1, 3]], [[0, 1], [3, 2]]], 4)
    found = outputs.logits(np.array([1, 0]), torch.device("cpu"))
    assert found.shape == (4, 4)
    assert found.softmax(dim=1)[2].tolist() == pytest.approx([0.1192, 0, 0.8808, 0], abs=1e-4)
    assert found[0, :2].tolist() == [5, 4]
    assert found[1, 2:].tolist() == [8, 9]
    # By hand: KL of the student's uniform softmax from (0.8808, 0.1192): 0.8808 ln(0.8808 / 0.25) + 0.1192 ln(0.1192 / 0.25).
    loss = logits_loss(torch.zeros(1, 4), found[2:3], 1.0, None)
    assert loss.item() == pytest.approx(1.0209, abs=1e-3)


def losses(engine: Any) -> list[float]:
    return [
        event["values"]["train/loss"] for event in engine.of("metrics") if "train/loss" in event["values"]
    ]


@pytest.mark.parametrize("case", ["causal_lm-llama", "text_classification"])
def test_nothing_cut_is_the_loss_of_a_teacher_beside_the_student(
    case: str, taught: Any, pretrain: Any, data: Any, tmp_path: Path
) -> None:
    teacher = ("--teacher", str(taught(case)))
    live = pretrain(student(case, {}), tmp_path / "live", *teacher, data=data(case))
    assert live.end() == {"exit": 0}, live.log.read_text()
    everything = student(case, {"cache": {"top_k": 1_000_000}})
    cached = pretrain(everything, tmp_path / "cached", *teacher, data=data(case))
    assert cached.end() == {"exit": 0}, cached.log.read_text()
    assert losses(cached) == pytest.approx(losses(live), rel=1e-5)
    told = [event for event in cached.of("warning") if event["code"] == "teacher_outputs_kept"]
    assert len(told) == 1
    assert told[0]["params"]["bytes"] > 0
    again = pretrain(everything, tmp_path / "again", *teacher, data=data(case))
    assert again.end() == {"exit": 0}, again.log.read_text()
    assert not [event for event in again.of("warning") if event["code"] == "teacher_outputs_kept"]
    assert losses(again) == losses(cached)


def test_outputs_are_kept_for_each_order_of_classes(
    taught: Any, pretrain: Any, data: Any, tmp_path: Path
) -> None:
    """A student that goes on from a checkpoint has the classes in the order of its outputs."""
    case = "text_classification"
    teacher = taught(case)
    turned = tmp_path / "turned"
    shutil.copytree(teacher, turned)
    turn_classes(turned)
    found = []
    for number, start in enumerate((teacher, turned)):
        spec = student(case, {"cache": {"top_k": 1_000_000}}, start={"scope": "weights"})
        spec["data"]["tokenizer"] = {"kind": "checkpoint"}
        options = ("--teacher", str(teacher), "--start", str(start))
        engine = pretrain(spec, tmp_path / str(number), *options, data=data(case))
        assert engine.end() == {"exit": 0}, engine.log.read_text()
        assert [event for event in engine.of("warning") if event["code"] == "teacher_outputs_kept"]
        found.append(losses(engine))
    assert found[1] == pytest.approx(found[0], rel=1e-4)


def test_a_few_outputs_are_another_loss_and_a_killed_run_ends_with_the_same_bits(
    taught: Any, pretrain: Any, data: Any, tmp_path: Path
) -> None:
    case = "causal_lm-llama"
    spec = student(case, {"cache": {"top_k": 3}})
    teacher = ("--teacher", str(taught(case)))
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    whole = pretrain(spec, straight, *teacher, data=data(case))
    assert whole.end() == {"exit": 0}, whole.log.read_text()
    for dies_at in (1, 2, 4):
        killed = pretrain(spec, broken, *teacher, data=data(case), dies_at=dies_at)
        assert killed.end() == {"signal": signal.SIGKILL}
    assert pretrain(spec, broken, *teacher, data=data(case)).end() == {"exit": 0}
    assert hashes(broken, STEPS) == hashes(straight, STEPS)
    live = pretrain(student(case, {}), tmp_path / "live", *teacher, data=data(case))
    assert live.end() == {"exit": 0}
    assert losses(whole) != pytest.approx(losses(live), rel=1e-3)


@pytest.mark.parametrize(
    ("case", "distillation", "code"),
    [
        ("masked_lm", {"cache": {}}, "inputs_drawn_anew"),
        ("image_classification", {"cache": {}}, "inputs_drawn_anew"),
        ("causal_lm-llama", {"cache": {}, "hidden": {}}, "cache_of_outputs"),
        ("causal_lm-llama", {"cache": {}, "logits": 0, "features": {}}, "cache_of_outputs"),
    ],
)
def test_what_cannot_be_used_again_is_not_kept(case: str, distillation: dict[str, Any], code: str) -> None:
    with pytest.raises(SpecError) as refused:
        validate(student(case, distillation))
    assert [problem.code for problem in refused.value.problems] == [code]


def test_replayed_samples_have_no_kept_outputs() -> None:
    spec = student("causal_lm-llama", {"cache": {}}, continual={"replay": {}}, start={"scope": "weights"})
    with pytest.raises(SpecError) as refused:
        validate(spec)
    assert [problem.code for problem in refused.value.problems] == ["cache_with_replay"]
