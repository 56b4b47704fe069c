"""Schemas of HTTP bodies that all resources share."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

ItemT = TypeVar("ItemT")
JsonObject = dict[str, Any]


class Resource(BaseModel):
    """An answer. Fields may be added within ``/v1``; none is removed or changes its meaning."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)


class Body(BaseModel):
    """A request body: closed, so that a typo is an error."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Page(Resource, Generic[ItemT]):
    """One page of a list, newest first."""

    # For a generic's variants Pydantic would look for docstrings wherever `Page[…]` happens to be written.
    model_config = ConfigDict(use_attribute_docstrings=False)

    object: Literal["list"] = "list"
    data: list[ItemT]
    has_more: bool
    next: Annotated[str | None, Field(description="Opaque cursor: pass as `?cursor=` for the next page.")] = (
        None
    )


class ProblemDetail(Resource):
    """One problem of a request that has several."""

    param: str
    """Dotted path of the offending field."""
    code: str
    message: str
    params: JsonObject = Field(default_factory=dict)
    """What the message is made of."""
    suggestion: str | None = None
    """The nearest valid name, where a name was mistyped."""


class Problem(Resource):
    """RFC 9457 problem details, as ``application/problem+json``."""

    type: str
    """``https://seedbed.dev/problems/CODE`` is never fetched; it names the kind."""
    title: str
    status: int
    code: str
    """Stable; programs decide by it."""
    detail: str
    """What happened and what to do, for people."""
    params: JsonObject = Field(default_factory=dict)
    """What `detail` is made of: ids, limits, counts."""
    param: str | None = None
    errors: list[ProblemDetail] = []
    """At most 20."""
    errors_omitted: int = 0
    """How many more things are wrong than `errors` names."""
    request_id: str | None = None
    """Also in the ``X-Request-Id`` header and in the server's log."""


Limit = Annotated[int, Field(ge=1, le=200)]
