"""The SDK's exceptions in one hierarchy: catch `SeedbedError` for all of them, or a subclass that you can handle."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError


class ProblemDetail(BaseModel):
    """One problem of a request that has several."""

    model_config = ConfigDict(extra="allow")

    param: str
    """Dotted path of the field with the error."""
    code: str
    message: str
    params: dict[str, Any] = {}
    """Parameters of the message."""
    suggestion: str | None = None
    """The nearest valid name, if a name was mistyped."""


class SeedbedError(Exception):
    """The base of all exceptions of this library; the message says what to do."""

    code: str = "client_error"
    """Stable code of the kind of problem, for programs."""

    @property
    def detail(self) -> str:
        """What happened and what to do, for people."""
        return str(self)

    def as_dict(self) -> dict[str, Any]:
        """The error as plain data."""
        return {"code": self.code, "detail": self.detail}


class NotConfigured(SeedbedError):
    """No key is known for this service."""

    code = "not_configured"


class Unreachable(SeedbedError):
    """The service did not answer, or stopped answering, also after the retries."""

    code = "unreachable"


class InvalidFile(SeedbedError):
    """A local file cannot be used."""

    code = "invalid_file"


class DownloadDamaged(SeedbedError):
    """The content of a file differed from its hash in the checkpoint's manifest twice."""

    code = "download_damaged"


class UnsafePath(SeedbedError):
    """A server named a file that would lie outside the download directory."""

    code = "unsafe_path"


class ApiError(SeedbedError):
    """The service answered with an error.

    Attributes:
        status: HTTP status.
        code: Stable code of the kind of problem.
        detail: What happened and what to do.
        params: Parameters of `detail`: ids, limits, counts.
        param: Dotted path of the field or parameter with the error, if there is one.
        errors: One entry for each field, if several have errors.
        request_id: Id of this request in the service's log.
    """

    statuses: ClassVar[dict[int, type["ApiError"]]] = {}

    def __init_subclass__(cls, status: int | None = None) -> None:
        if status is not None:
            ApiError.statuses[status] = cls

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        params: Mapping[str, Any] | None = None,
        param: str | None = None,
        errors: Sequence[ProblemDetail] = (),
        request_id: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.params = dict(params or {})
        self.param = param
        self.errors = tuple(errors)
        self.request_id = request_id

    def as_dict(self) -> dict[str, Any]:
        """The problem document, as far as it was understood."""
        return {
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "params": self.params,
            "param": self.param,
            "errors": [error.model_dump() for error in self.errors],
            "request_id": self.request_id,
        }


class BadRequest(ApiError, status=400):
    """The request is malformed."""


class Unauthorized(ApiError, status=401):
    """No key, or one that is not valid."""


class Forbidden(ApiError, status=403):
    """A valid key that may not do this."""


class NotFound(ApiError, status=404):
    """It does not exist, or belongs to another project."""


class Conflict(ApiError, status=409):
    """The state of the resource does not allow the request."""


class TooLarge(ApiError, status=413):
    """More bytes than the service accepts."""


class Invalid(ApiError, status=422):
    """The request is well-formed but invalid; `errors` lists the fields."""


class RateLimited(ApiError, status=429):
    """Too many requests, also after the retries."""


class ServerError(ApiError):
    """The service failed (any 5xx)."""


class Unavailable(ServerError, status=503):
    """A part that the service depends on does not answer."""


class StorageFull(ServerError, status=507):
    """The service has no room for this."""


def from_response(response: httpx.Response) -> ApiError:
    """The exception for an error response (read already, status 400 or above)."""
    status = response.status_code
    kind = ApiError.statuses.get(status) or (ServerError if status >= 500 else ApiError)
    problem = _problem(response)
    if problem is None:
        said = " ".join(response.text.split())[:200]
        return kind(
            status,
            f"http_{status}",
            f"{response.request.url} answered {status} {response.reason_phrase}, which is not Seedbed's way. "
            f"Is the URL right, and is there a proxy between?{f' It said: {said}' if said else ''}",
            request_id=response.headers.get("X-Request-Id"),
        )
    return _from(kind, status, problem, response.headers.get("X-Request-Id"))


def from_problem(problem: Mapping[str, Any]) -> ApiError:
    """The exception for a problem document that came inside of an answer."""
    status = int(problem.get("status", 500))
    kind = ApiError.statuses.get(status) or (ServerError if status >= 500 else ApiError)
    return _from(kind, status, problem, None)


def _from(
    kind: "type[ApiError]", status: int, problem: Mapping[str, Any], request_id: str | None
) -> ApiError:
    return kind(
        status,
        str(problem["code"]),
        str(problem["detail"]),
        params=problem.get("params"),
        param=problem.get("param"),
        errors=_details(problem.get("errors")),
        request_id=problem.get("request_id") or request_id,
    )


def _problem(response: httpx.Response) -> dict[str, Any] | None:
    try:
        body = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    return body if isinstance(body, dict) and {"code", "detail"} <= body.keys() else None


def _details(errors: Any) -> list[ProblemDetail]:
    try:
        return [ProblemDetail.model_validate(error) for error in errors or []]
    except (ValidationError, TypeError):
        return []
