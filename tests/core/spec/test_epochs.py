"""Epochs and steps: exactly one is given, and one function converts."""

from typing import Any

import pytest

from core.spec.epochs import most_steps, steps_of, with_steps
from core.spec.job import JobSpec
from core.spec.problems import SpecError, validate

TRAINING: dict[str, Any] = {"batch_size": 8, "sequence_length": 64}


def job(**training: Any) -> JobSpec:
    task = {"kind": "masked_lm"}
    model = {"preset": "bert-tiny"}
    return validate({"name": "job", "task": task, "model": model, "training": TRAINING | training})


@pytest.mark.parametrize(
    ("training", "param", "code"),
    [
        ({}, "training.steps", "missing"),
        ({"steps": None, "epochs": None}, "training.steps", "missing"),
        ({"steps": 10, "epochs": 1}, "training.epochs", "steps_and_epochs"),
        ({"epochs": 0}, "training.epochs", "greater_than"),
        ({"epochs": -1.5}, "training.epochs", "greater_than"),
        ({"epochs": float("nan")}, "training.epochs", "finite_number"),
        ({"epochs": float("inf")}, "training.epochs", "finite_number"),
        ({"epochs": "many"}, "training.epochs", "float_parsing"),
        ({"steps": 0}, "training.steps", "greater_than_equal"),
    ],
)
def test_anything_but_one_of_the_two_is_refused(training: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        job(**training)
    assert [(problem.param, problem.code) for problem in caught.value.problems] == [(param, code)]


@pytest.mark.parametrize(
    ("epochs", "samples", "batch_size", "steps"),
    [
        (1, 100, 10, 10),
        (1, 101, 10, 11),
        (0.5, 100, 10, 5),
        (0.1, 30, 1, 3),  # in binary fractions it is a little more than three
        (0.7, 10, 1, 7),
        (2.5, 7, 4, 5),
        (1e-05, 100, 10, 1),
        (1, 3, 8, 1),
        (1_000_000, 8, 8, 1_000_000),
    ],
)
def test_epochs_are_rounded_up_to_whole_steps(
    epochs: float, samples: int, batch_size: int, steps: int
) -> None:
    assert steps_of(float(epochs), samples=samples, batch_size=batch_size) == steps


def test_the_most_steps_are_those_of_the_smallest_batch() -> None:
    wanted = job(epochs=2, batch_size="auto", accumulation_steps=4).training
    assert most_steps(wanted, 100) == 50
    assert most_steps(job(epochs=2).training, 100) == 25
    assert most_steps(job(steps=7).training, 100) == 7
    with pytest.raises(ValueError, match="not yet known"):
        _ = wanted.total_steps


@pytest.mark.parametrize(
    ("training", "steps", "param", "code"),
    [
        ({"schedule": {"warmup_steps": 20}}, 19, "training", "more_than_steps"),
        (
            {"schedule": {"kind": "warmup_stable_decay", "warmup_steps": 5, "decay_steps": 20}},
            24,
            "training",
            "more_than_steps",
        ),
        ({}, 100_000_001, "training.epochs", "too_many_steps"),
    ],
)
def test_fields_relative_to_steps_are_checked_once_these_are_known(
    training: dict[str, Any], steps: int, param: str, code: str
) -> None:
    wanted = job(epochs=1, **training)
    with pytest.raises(SpecError) as caught:
        with_steps(wanted, steps)
    (problem,) = caught.value.problems
    assert (problem.param, problem.code) == (param, code)
    if steps < 100:
        known = with_steps(wanted, steps + 1)
        assert (known.training.total_steps, known.training.epochs) == (steps + 1, None)
