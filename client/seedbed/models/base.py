"""The base of all response models."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

TERMINAL = frozenset({"succeeded", "failed", "cancelled"})
"""Final states of a job."""

ItemT = TypeVar("ItemT")


class Resource(BaseModel):
    """The base of every response."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


class Page(Resource, Generic[ItemT]):
    data: list[ItemT]
    has_more: bool
    next: str | None = None
