"""Specs of jobs that were accepted once, and whose task is not installed any more."""

import pytest
from pydantic import ValidationError

from core.spec.job import JobSpec
from core.spec.problems import validate
from core.spec.stored import MissingTask, is_known, stored, why_missing

KNOWN = validate(
    {"name": "one", "task": {"kind": "masked_lm"}, "training": {"steps": 10, "retention": {"keep_last": 7}}}
).model_dump(mode="json")
GONE = KNOWN | {"task": {"kind": "toy", "size": 3, "inner": {"a": [1, None]}}}


def test_what_is_installed_is_the_same_spec() -> None:
    assert is_known(KNOWN)
    assert stored(KNOWN) == JobSpec.model_validate(KNOWN)


def test_what_is_not_keeps_all_that_was_written() -> None:
    assert not is_known(GONE)
    spec = stored(GONE)
    assert isinstance(spec.task, MissingTask)
    assert spec.task.kind == "toy"
    assert spec.training.retention.keep_last == 7
    assert spec.model_dump(mode="json") == GONE


def test_a_known_task_is_dumped_as_it_was() -> None:
    """Its own fields are there, and nothing beside them."""
    assert stored(KNOWN).model_dump(mode="json") == KNOWN


def test_what_else_is_wrong_is_not_overlooked() -> None:
    with pytest.raises(ValidationError):
        stored(GONE | {"training": {"steps": -1}})


def test_nobody_brings_it() -> None:
    assert why_missing("toy") == "No installed package brings the task 'toy'."
