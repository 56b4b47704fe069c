"""The service of projects: the operator creates them, and they are found by name."""

from control.db import ReadSession, WriteSession
from control.errors import NotFound
from control.ids import new_id
from control.names import check_name
from control.projects import repository
from control.projects.models import Project

OPERATORS = "default"
"""The project of the service's operators. Its admins see the state of all projects; admins of another project see only
their own project's."""


def ensure(session: WriteSession, name: str) -> Project:
    """The project of that name, made if there is none.

    Raises:
        Invalid: ``validation_failed``: the name is not valid.
    """
    check_name(name)
    project = repository.named(session, name)
    if project is None:
        project = Project(id=new_id("proj"), name=name)
        session.add(project)
        session.flush()
    return project


def get(session: ReadSession, project_id: str) -> Project:
    """
    Raises:
        NotFound: ``project_not_found``.
    """
    project = repository.by_id(session, project_id)
    if project is None:
        raise NotFound(
            "project_not_found", f"There is no project {project_id}.", params={"project": project_id}
        )
    return project


def is_operators(session: ReadSession, project_id: str) -> bool:
    """Whether it is the project of the service's operators."""
    return get(session, project_id).name == OPERATORS
