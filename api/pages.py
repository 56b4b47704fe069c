"""Turns a slice of rows into a page of a list response."""

from typing import TypeVar

from control.paging import Slice
from control.schemas import Page, Resource

ItemT = TypeVar("ItemT", bound=Resource)
RowT = TypeVar("RowT")


def page(items: list[ItemT], slice_: Slice[RowT]) -> Page[ItemT]:
    return Page[ItemT](data=items, has_more=slice_.next is not None, next=slice_.next)
