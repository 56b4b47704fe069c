"""Stored specs of accepted jobs, including those whose task is not installed (any more).

A submitted spec is validated by `core.spec.problems.validate`, which refuses an unknown task. A job that was accepted
must still be shown after the package of its task was uninstalled.
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

from pydantic import ConfigDict, TypeAdapter, ValidatorFunctionWrapHandler, WrapValidator

from core.spec.job import JobSpec
from core.spec.task import TaskSpec
from core.spec.tasks import task_faults, tasks_by_kind


class MissingTask(TaskSpec):
    """A task that is not installed here: its fields as they were submitted, not validated."""

    model_config = ConfigDict(extra="allow")

    kind: str


def _as_it_is(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    return value if isinstance(value, JobSpec) else validate(value)


StoredSpec = Annotated[JobSpec, WrapValidator(_as_it_is)]
"""What `stored` gives, as a field of an answer: its rules were kept when it was accepted, and may not be asked for again where
its task is missing."""


def is_known(document: Mapping[str, Any]) -> bool:
    """Whether the task of a stored spec is installed here."""
    return document["task"]["kind"] in tasks_by_kind()


def stored(document: Mapping[str, Any]) -> JobSpec:
    """The spec of a job that was accepted once. Where its task is not installed, ``task`` is a `MissingTask`: all else may be
    read, but what follows from the task (its networks, its estimate) may not be asked for.

    Raises:
        pydantic.ValidationError: something else of it is not valid.
    """
    if is_known(document):
        return JobSpec.model_validate(document)
    sections = {
        name: adapter.validate_python(document[name])
        for name, adapter in _adapters().items()
        if name in document
    }
    return JobSpec.model_construct(**sections, task=MissingTask.model_validate(document["task"]))


@cache
def _adapters() -> Mapping[str, TypeAdapter[Any]]:
    return {
        name: TypeAdapter(field.annotation)
        for name, field in JobSpec.model_fields.items()
        if name != "task" and field.annotation is not None
    }


def why_missing(kind: str) -> str:
    """A sentence that states why the task is not available here."""
    for fault in task_faults():
        if fault.kind == kind:
            return f"The package {fault.package}, which brings the task {kind!r}, cannot be used: {fault.reason}."
    return f"No installed package brings the task {kind!r}."
