"""Keyset pagination: a page begins after the last id of the page before, so new rows shift nothing."""

import base64
import binascii
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from control.db import ReadSession
from control.errors import Invalid

RowT = TypeVar("RowT")


@dataclass(frozen=True)
class Slice(Generic[RowT]):
    """A page's rows, and the cursor of the page after it (None: this was the last)."""

    rows: list[RowT]
    next: str | None


def newest_first(
    session: ReadSession,
    query: Select[RowT],
    column: InstrumentedAttribute[str],
    *,
    limit: int,
    cursor: str | None,
) -> Slice[RowT]:
    """``limit`` rows of the query, by descending id (ids sort by time of creation).

    Raises:
        Invalid: ``invalid_cursor``.
    """
    if cursor is not None:
        query = query.where(column < decode_cursor(cursor))
    rows = list(session.scalars(query.order_by(column.desc()).limit(limit + 1)))
    if len(rows) <= limit:
        return Slice(rows, None)
    return Slice(rows[:limit], encode_cursor(getattr(rows[limit - 1], column.key)))


def encode_cursor(last: str) -> str:
    """The opaque cursor for what comes after ``last``."""
    return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """What `encode_cursor` was given.

    Raises:
        Invalid: ``invalid_cursor``.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        last = raw.decode("ascii")
    except (ValueError, binascii.Error):
        last = ""
    if not last or not last.isprintable() or encode_cursor(last) != cursor:
        raise Invalid(
            "invalid_cursor",
            "This cursor is not one that a list answered with. Start again without one.",
            param="cursor",
            params={"case": "list"},
        )
    return last
