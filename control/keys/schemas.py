"""HTTP schemas of API keys and sessions."""

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
    """The key itself, which no later response contains."""


class SessionIn(Body):
    key: Annotated[SecretStr, Field(json_schema_extra={"pattern": r"^[^\x00]*$"})]
    """An API key; the response sets an HttpOnly session cookie."""


class SessionOut(Resource):
    object: Literal["session"] = "session"
    key: KeyOut
    project: ProjectOut
    expires_at: datetime | None
    """When the cookie expires; null if the request carried the key itself."""
