"""Tasks: what models can learn."""

from typing import Annotated

from fastapi import APIRouter, Path

from api import examples
from api.auth import AUTH_PROBLEMS, Reader
from api.problem_types import problems
from control.schemas import Page
from control.tasks import presenters
from control.tasks.schemas import TaskOut

router = APIRouter(prefix="/v1/tasks", tags=["tasks"])


@router.get("", operation_id="listTasks", responses=problems(*AUTH_PROBLEMS))
def list_tasks(caller: Reader) -> Page[TaskOut]:
    """All tasks, those of installed packages included: when to choose each, what it measures, where to start.
    One page; of each modality the task to begin with comes first."""
    del caller
    return Page[TaskOut](data=list(presenters.all_tasks()), has_more=False)


@router.get("/{kind}", operation_id="getTask", responses=problems(*AUTH_PROBLEMS, "task_not_found"))
def get_task(
    kind: Annotated[str, Path(description="As `task.kind` of a job's spec.", examples=[examples.FIRST_KIND])],
    caller: Reader,
) -> TaskOut:
    """One task."""
    del caller
    return presenters.task_of(kind)
