"""Lists that fetch their next page when it is needed."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from seedbed.models import Page, Resource
from seedbed.transport import Params, Transport

ResourceT = TypeVar("ResourceT", bound=Resource)

PAGE_SIZE = 100


class Listing(Generic[ResourceT]):
    """All items of a list; may be iterated repeatedly. Each iteration requests the list again.

    Args:
        cursor: Name of the query parameter that takes what a page calls ``next``.
    """

    def __init__(
        self,
        transport: Transport,
        path: str,
        kind: type[ResourceT],
        params: Params | None = None,
        *,
        cursor: str = "cursor",
    ) -> None:
        self._transport = transport
        self._path = path
        self._page: type[Page[ResourceT]] = Page[kind]  # type: ignore[valid-type]  # a class made at run time
        self._params = {"limit": PAGE_SIZE, **(params or {})}
        self._cursor = cursor

    def __iter__(self) -> Iterator[ResourceT]:
        for page in self.pages():
            yield from page.data

    def pages(self) -> Iterator[Page[ResourceT]]:
        """Page by page."""
        params = dict(self._params)
        while True:
            page = self._page.model_validate(self._transport.get(self._path, params))
            yield page
            if not page.has_more or page.next is None:
                return
            params[self._cursor] = page.next
