"""Tables of API keys, of which only an HMAC is stored, and of ended sessions."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from control.base import Base, CreatedAt, PrimaryId, name_has_a_length


class ApiKey(Base):
    __tablename__ = "api_keys"
    __table_args__ = (name_has_a_length(),)

    id: Mapped[PrimaryId]
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    name: Mapped[str]
    hint: Mapped[str]
    """The key's last four characters, so that a person recognises it."""
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    """HMAC-SHA256 of the key under the server's secret."""
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[CreatedAt]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class EndedSession(Base):
    """A session that somebody signed out of, kept for as long as its cookie would have been valid."""

    __tablename__ = "ended_sessions"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of the cookie's payload."""
    expires_at: Mapped[datetime] = mapped_column(index=True)
