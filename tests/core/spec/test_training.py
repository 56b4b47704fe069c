"""The training part of a spec: optimisers by kind, what may be ``auto``, and errors that name the field."""

from typing import Any

import pytest

from core.spec.job import JobSpec
from core.spec.optimizers import Adafactor, AdamW, Muon
from core.spec.problems import SpecError, validate


def _job(**training: Any) -> JobSpec:
    return validate({"name": "x", "task": {"kind": "masked_lm"}, "training": {"steps": 10, **training}})


def test_an_optimiser_without_a_kind_is_adamw() -> None:
    assert _job(optimizer={"learning_rate": 1e-3}).training.optimizer == AdamW(learning_rate=1e-3)
    assert isinstance(_job(optimizer={"kind": "muon"}).training.optimizer, Muon)
    assert isinstance(_job(optimizer={"kind": "adafactor"}).training.optimizer, Adafactor)


def test_auto_is_kept_until_it_is_found() -> None:
    training = _job(batch_size="auto", accumulation_steps=3, compile="auto").training
    assert (training.batch_size, training.compile, training.precision) == ("auto", "auto", "auto")
    assert training.least_sequences_per_step == 3
    with pytest.raises(ValueError, match="auto"):
        _ = training.sequences_per_step
    assert _job(batch_size=6, accumulation_steps=3).training.sequences_per_step == 6
    assert (
        JobSpec.model_validate_json(_job(batch_size="auto").model_dump_json()).training.batch_size == "auto"
    )


@pytest.mark.parametrize(
    ("training", "param", "code", "word"),
    [
        ({"batch_size": 0}, "training.batch_size", "greater_than_equal", "or 'auto'"),
        ({"batch_size": "automatic"}, "training.batch_size", "int_parsing", "or 'auto'"),
        ({"compile": 7}, "training.compile", "bool_parsing", "or 'auto'"),
        (
            {"optimizer": {"kind": "lion"}},
            "training.optimizer.kind",
            "unknown_value",
            "adamw, muon, adafactor",
        ),
        (
            {"optimizer": {"kind": "muon", "momentun": 0.9}},
            "training.optimizer.momentun",
            "unknown_field",
            "'momentum'",
        ),
        ({"optimizer": {"kind": "muon", "momentum": 3}}, "training.optimizer.momentum", "less_than", "1"),
        ({"ema_decay": 1.0}, "training.ema_decay", "less_than", "1"),
        (
            {"schedule": {"kind": "warmup_stable_decay", "warmup_steps": 5, "decay_steps": 6}},
            "training",
            "more_than_steps",
            "decay_steps (6)",
        ),
    ],
)
def test_each_error_is_reported_once(training: dict[str, Any], param: str, code: str, word: str) -> None:
    with pytest.raises(SpecError) as caught:
        _job(**training)
    (problem,) = caught.value.problems
    assert (problem.param, problem.code) == (param, code)
    assert word in problem.message
