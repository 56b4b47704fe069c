"""Models of API keys and their owners."""

from datetime import datetime

from seedbed.models.base import Resource


class Key(Resource):
    id: str
    name: str
    hint: str
    """The key's last four characters."""
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class CreatedKey(Key):
    secret: str
    """The key itself, which no later response contains."""


class Project(Resource):
    id: str
    name: str


class Session(Resource):
    """The project and the scopes of a key."""

    key: Key
    project: Project
