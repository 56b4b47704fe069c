"""Stored specs whose task is not installed any more."""

import pytest
from pydantic import ValidationError

from core.spec.job import JobSpec
from core.spec.problems import validate
from core.spec.stored import MissingTask, is_known, stored, why_missing

KNOWN = validate(
    {"name": "one", "task": {"kind": "masked_lm"}, "training": {"steps": 10, "retention": {"keep_last": 7}}}
).model_dump(mode="json")
GONE = KNOWN | {"task": {"kind": "toy", "size": 3, "inner": {"a": [1, None]}}}


def test_the_spec_of_an_installed_task_is_parsed_unchanged() -> None:
    assert is_known(KNOWN)
    assert stored(KNOWN) == JobSpec.model_validate(KNOWN)


def test_the_spec_of_a_missing_task_keeps_every_field() -> None:
    assert not is_known(GONE)
    spec = stored(GONE)
    assert isinstance(spec.task, MissingTask)
    assert spec.task.kind == "toy"
    assert spec.training.retention.keep_last == 7
    assert spec.model_dump(mode="json") == GONE


def test_a_known_task_is_dumped_as_it_was() -> None:
    """The dump has the task's own fields, and no others."""
    assert stored(KNOWN).model_dump(mode="json") == KNOWN


def test_other_errors_are_still_reported() -> None:
    with pytest.raises(ValidationError):
        stored(GONE | {"training": {"steps": -1}})


def test_a_task_that_no_package_provides_is_reported() -> None:
    assert why_missing("toy") == "No installed package brings the task 'toy'."
