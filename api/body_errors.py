"""The error of a body that is not read to its end."""

from collections.abc import Mapping
from typing import Any

from fastapi import HTTPException


class UnreadableBody(HTTPException):
    """A body that is too large or too slow. An `HTTPException`, because FastAPI lets no other error out of a request's reader.

    Args:
        status: 408 or 413.
        code: ``body_too_slow`` or ``body_too_large``.
        params: What `detail` is made of.
    """

    def __init__(self, status: int, code: str, detail: str, *, params: Mapping[str, Any]) -> None:
        super().__init__(status, detail)
        self.code = code
        self.params = dict(params)
