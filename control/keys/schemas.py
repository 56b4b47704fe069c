"""API keys and sessions over HTTP."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from control.projects.schemas import ProjectOut
from control.schemas import Body, Resource
from core.spec.text import Name

Scope = Literal["read", "write", "admin"]
"""``write`` includes ``read``; ``admin`` includes both."""


class KeyIn(Body):
    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, default_factory=lambda: ["read", "write"])]


class KeyOut(Resource):
    object: Literal["key"] = "key"
    id: str
    name: str
    hint: str
    """The key's last four characters."""
    scopes: list[Scope]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class KeyCreated(KeyOut):
    secret: str
    """The key itself. Shown this once."""


class SessionIn(Body):
    key: Annotated[SecretStr, Field(json_schema_extra={"pattern": r"^[^\x00]*$"})]
    """An API key; the answer sets an http-only cookie that stands for it."""


class SessionOut(Resource):
    object: Literal["session"] = "session"
    key: KeyOut
    project: ProjectOut
    expires_at: datetime | None
    """When the cookie ends; none where the request carried the key itself."""
