"""Errors that are shown to the caller: a stable code, a message that says what to do, an HTTP status."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from control.schemas import ProblemDetail
from core.parameters import plain


class SeedbedError(Exception):
    """The base of all errors that the caller can act on.

    Args:
        code: Stable name of the kind of problem; programs decide by it.
        detail: What happened and what to do, for people.
        param: Dotted path of the offending field or parameter.
        params: What `detail` is made of: ids, limits, counts; with `code`, enough to say the same in another language. Where
            a code has several sentences, ``case`` tells which one it is.
        errors: One entry a field, where several are wrong.
        errors_omitted: How many more there are.
    """

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        param: str | None = None,
        params: Mapping[str, Any] | None = None,
        errors: Sequence[ProblemDetail] = (),
        errors_omitted: int = 0,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.param = param
        self.params = plain(params or {})
        self.errors = tuple(errors)
        self.errors_omitted = errors_omitted
        if status is not None:
            self.status = status


class Unauthorized(SeedbedError):
    """No key, or one that is not valid."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(SeedbedError):
    """A valid key that may not do this."""

    status = HTTPStatus.FORBIDDEN


class NotFound(SeedbedError):
    """It does not exist, or belongs to another project: both give the same answer."""

    status = HTTPStatus.NOT_FOUND


class Conflict(SeedbedError):
    """The state of the resource does not allow the request."""

    status = HTTPStatus.CONFLICT


class Invalid(SeedbedError):
    """The request itself is wrong."""

    status = HTTPStatus(422)


class TooLarge(SeedbedError):
    """More bytes than may be sent."""

    status = HTTPStatus(413)


class TooManyRequests(SeedbedError):
    """Too many requests within a short time.

    Args:
        retry_after: Seconds until it may be tried again.
    """

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(
        self, code: str, detail: str, *, retry_after: int, params: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(code, detail, params=params)
        self.retry_after = retry_after


class Unavailable(SeedbedError):
    """A part that the service depends on does not answer; trying again later may help."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
