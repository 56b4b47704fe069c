"""Prefixed ids: the kind is readable, the rest is a ULID, so ids sort by time of creation."""

from ulid import ULID


def new_id(prefix: str) -> str:
    """A fresh id, as ``job_01kb3c…`` (26 lower-case Crockford base32 digits after the prefix)."""
    return f"{prefix}_{str(ULID()).lower()}"
