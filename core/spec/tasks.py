"""The union of all tasks' specs, told apart by ``kind``.

The frame of a job does not know the tasks: it asks the registry (`core.tasks.registry`) for them by name, once, when
it is imported. So the tasks' specs may build on everything in `core.spec` but the job itself, and a task of an
installed package is a task like ours.
"""

import importlib
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from pydantic import Field

from core.spec.task import TaskSpec


class TaskFault(Protocol):
    """Something that an installed package offers as a task and that cannot be used; ``str()`` of it is a sentence."""

    @property
    def package(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def reason(self) -> str: ...


def tasks_by_kind() -> Mapping[str, type[TaskSpec]]:
    """The specs of all tasks by their kinds, in the order in which people are shown them."""
    found: Mapping[str, type[TaskSpec]] = _registry().specs()
    return found


def task_specs() -> tuple[type[TaskSpec], ...]:
    """The specs of all tasks, in the order in which people are shown them."""
    return tuple(tasks_by_kind().values())


def task_packages() -> Mapping[str, str]:
    """Kind → the installed package that brings the task; Seedbed's own are not among them."""
    found: Mapping[str, str] = _registry().packages()
    return found


def task_faults() -> Sequence[TaskFault]:
    """What installed packages offer as tasks and cannot be used."""
    found: Sequence[TaskFault] = _registry().faults()
    return found


def _registry() -> Any:
    return importlib.import_module("core.tasks.registry")


def _union() -> Any:
    return Annotated[reduce(or_, task_specs()), Field(discriminator="kind")]


if TYPE_CHECKING:
    Task = TaskSpec
else:
    Task = _union()
