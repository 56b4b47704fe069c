"""The union of all tasks' specs, told apart by ``kind``.

`core.spec` does not import the tasks' specs: at import it loads the registry (`core.tasks.registry`) once by name.
So the tasks' specs may import everything in `core.spec` except the job itself, and tasks of installed packages work
in the same way as Seedbed's own.
"""

import importlib
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from pydantic import Field

from core.spec.task import TaskSpec


class TaskFault(Protocol):
    """A task of an installed package that cannot be used; ``str()`` gives a sentence with the reason."""

    @property
    def package(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def reason(self) -> str: ...


def tasks_by_kind() -> Mapping[str, type[TaskSpec]]:
    """The specs of all tasks by their kinds, in the order of display."""
    found: Mapping[str, type[TaskSpec]] = _registry().specs()
    return found


def task_specs() -> tuple[type[TaskSpec], ...]:
    """The specs of all tasks, in the order of display."""
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
