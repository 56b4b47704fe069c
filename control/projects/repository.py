"""SQL about projects."""

from sqlalchemy import select

from control.db import ReadSession
from control.projects.models import Project


def named(session: ReadSession, name: str) -> Project | None:
    return session.scalar(select(Project).where(Project.name == name))


def by_id(session: ReadSession, project_id: str) -> Project | None:
    return session.get(Project, project_id)
