"""The union of all tasks' specs, told apart by ``kind``.

The frame of a job does not know the tasks: it asks the registry (`core.tasks.registry`) for them by name, once, when
it is imported. So the tasks' specs may build on everything in `core.spec` but the job itself, and a task of an
installed package is a task like ours.
"""

import importlib
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from core.spec.task import TaskSpec


def task_specs() -> tuple[type[TaskSpec], ...]:
    """The specs of all tasks, in the order of their kinds."""
    registry = importlib.import_module("core.tasks.registry")
    specs: dict[str, type[TaskSpec]] = registry.specs()
    return tuple(specs.values())


def _union() -> Any:
    return Annotated[reduce(or_, task_specs()), Field(discriminator="kind")]


if TYPE_CHECKING:
    Task = TaskSpec
else:
    Task = _union()
