"""Errors as RFC 9457 problem documents."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from itertools import islice
from typing import Any, cast

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic_core import ErrorDetails
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from api.body_errors import UnreadableBody
from api.downloads import RangeNotSatisfiable
from api.problem_types import TYPE, title
from control.errors import SeedbedError, TooManyRequests, Unauthorized
from control.schemas import Problem, ProblemDetail
from core.parameters import plain
from core.spec.problems import MOST_PROBLEMS, explain

log = logging.getLogger(__name__)

_RETRY_SECONDS = "2"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class ProblemResponse(Response):
    """A problem document; its code also goes into the request's log line."""

    media_type = "application/problem+json"

    def __init__(
        self,
        request: Request,
        status: int,
        code: str,
        detail: str,
        *,
        params: Mapping[str, Any] | None = None,
        param: str | None = None,
        errors: tuple[ProblemDetail, ...] = (),
        errors_omitted: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        request.scope.setdefault("state", {})["problem_code"] = code
        problem = Problem(
            type=TYPE + code,
            title=title(code, status),
            status=status,
            code=code,
            detail=detail,
            params=dict(params or {}),
            param=param,
            errors=list(errors),
            errors_omitted=errors_omitted,
            request_id=request.scope["state"].get("request_id"),
        )
        super().__init__(problem.model_dump_json(), int(status), headers=dict(headers or {}))


def problem_of(request: Request, error: SeedbedError) -> Problem:
    """The problem document of an error, where the answer has begun already: as the last event of a stream."""
    state = request.scope.setdefault("state", {})
    state["problem_code"] = error.code
    return Problem(
        type=TYPE + error.code,
        title=title(error.code, error.status),
        status=error.status,
        code=error.code,
        detail=error.detail,
        params=error.params,
        param=error.param,
        errors=list(error.errors),
        errors_omitted=error.errors_omitted,
        request_id=state.get("request_id"),
    )


def install(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Have every error of the app, which includes these routers, answered as a problem."""
    app.state.routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    # Before the dashboard's pages, which are served for any path that nothing else answers.
    app.add_api_route("/v1/{rest:path}", _unknown_path, methods=_METHODS, include_in_schema=False)
    app.add_exception_handler(SeedbedError, _seedbed_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_exception)
    for kind in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(kind, _database_error)


def _unknown_path(request: Request) -> None:
    raise HTTPException(405 if _methods(request) else 404)


def internal_error(request: Request) -> ProblemResponse:
    """The response to an unexpected exception, which only the log describes."""
    return ProblemResponse(
        request,
        500,
        "internal",
        "Something went wrong in the service; its log describes the error. Give this request id to the operator.",
    )


async def _seedbed_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, SeedbedError)
    headers = {}
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = 'Bearer realm="seedbed"'
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = _RETRY_SECONDS
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.size}"
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.__cause__ is not None:
        request.scope["state"]["cause"] = f"{type(error.__cause__).__name__}: {error.__cause__}".partition(
            "\n"
        )[0]
    return ProblemResponse(
        request,
        error.status,
        error.code,
        error.detail,
        params=error.params,
        param=error.param,
        errors=error.errors,
        errors_omitted=error.errors_omitted,
        headers=headers,
    )


async def _database_error(request: Request, error: Exception) -> ProblemResponse:
    cause = error.orig if isinstance(error, DBAPIError) else error
    request.scope["state"]["cause"] = f"{type(cause).__name__}: {cause}".partition("\n")[0]
    return ProblemResponse(
        request,
        503,
        "database_unavailable",
        "The service's database does not answer at the moment. Nothing was changed; try again shortly.",
        headers={"Retry-After": _RETRY_SECONDS},
    )


async def _http_exception(request: Request, error: Exception) -> Response:
    """Answer exceptions of Starlette and FastAPI: unknown routes and methods, bodies that cannot be read."""
    assert isinstance(error, HTTPException)
    headers = error.headers
    if error.status_code == HTTPStatus.NOT_FOUND:
        code = "route_not_found"
        detail = f"There is nothing at {request.url.path[:200]!r}. The routes are listed in /openapi.json."
        params = {"path": request.url.path[:200]}
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(_methods(request)) or "GET, HEAD"}
        code = "method_not_allowed"
        detail = f"This route does not take {request.method}, only {headers['Allow']}."
        params = {"method": request.method, "allowed": headers["Allow"]}
    else:
        code, detail, params = "invalid_request", str(error.detail), {"reason": str(error.detail)}
        if isinstance(error, UnreadableBody):
            code, params = error.code, error.params
    return ProblemResponse(request, error.status_code, code, detail, params=params, headers=headers)


def _methods(request: Request) -> list[str]:
    """Every method that the path allows, over all of its routes."""
    path = request.scope["path"]
    routes: list[APIRoute] = request.app.state.routes
    template = next((route.path for route in routes if route.path_regex.match(path)), None)
    same = (route for route in routes if route.path == template and route.include_in_schema)
    return sorted({method for route in same for method in route.methods or ()})


async def _validation_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)
    raw = error.errors()
    broken = next((item for item in raw if item["type"] == "json_invalid"), None)
    if broken is not None:
        reason = broken.get("ctx", {}).get("error", "it cannot be parsed")
        return ProblemResponse(
            request,
            400,
            "invalid_json",
            f"The body is not JSON: {reason} (at character {broken['loc'][-1]}).",
            params=plain({"error": reason, "character": broken["loc"][-1]}),
        )
    details = tuple(_details(request, raw))
    first = details[0]
    omitted = len(raw) - len(details)
    more = f" And {len(raw) - 1:,} more: see `errors`" if len(raw) > 1 else ""
    if more:
        more += f", which names the first {len(details)}." if omitted else "."
    where = f"{first.param}: " if first.param else ""
    return ProblemResponse(
        request,
        422,
        "validation_failed",
        f"{where}{first.message}.{more}",
        params={"problem": first.code, "problems": len(raw), **first.params},
        param=first.param or None,
        errors=details,
        errors_omitted=omitted,
    )


def _details(request: Request, raw: Sequence[Any]) -> list[ProblemDetail]:
    """The first of pydantic's errors by field, in the words of `core.spec.problems.explain`, which suggests the nearest name."""
    root = _body_model(request)
    details = []
    for item in islice(raw, MOST_PROBLEMS):
        place, *path = item["loc"]
        explained = explain([cast("ErrorDetails", {**item, "loc": tuple(path)})], root)[0]
        details.append(
            ProblemDetail(
                param=explained.param or ("body" if place == "body" else ""),
                code=explained.code,
                message=explained.message,
                params=dict(explained.params),
                suggestion=explained.suggestion,
            )
        )
    return details


def _body_model(request: Request) -> type[BaseModel]:
    field = getattr(request.scope.get("route"), "body_field", None)
    model = field.field_info.annotation if field is not None else None
    return model if isinstance(model, type) and issubclass(model, BaseModel) else _EmptyBody


class _EmptyBody(BaseModel):
    """The body model of requests without a body, which has no names to suggest."""
