"""Previews: what a job's networks would see."""

from collections.abc import Callable
from urllib.parse import quote

from seedbed.models import JobPreview
from seedbed.resources.short_jobs import wait
from seedbed.transport import Transport


class Previews:
    """``client.previews``; `Jobs.preview` asks for one. The service keeps each for a day after its end."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, preview: str) -> JobPreview:
        return JobPreview.model_validate(self._transport.get(_path(preview)))

    def wait(self, preview: str, *, on_progress: Callable[[JobPreview], object] | None = None) -> JobPreview:
        """The preview once it is over: its ``result``, or its ``failure``.

        Args:
            preview: Its id.
            on_progress: Told how it stands, about once a second.
        """
        return wait(self._transport, _path(preview), JobPreview, on_progress)

    def cancel(self, preview: str) -> JobPreview:
        """Nobody needs it any more."""
        return JobPreview.model_validate(self._transport.post(f"{_path(preview)}/cancel"))

    def delete(self, preview: str) -> None:
        """Delete a preview that is over, with its files.

        Raises:
            Conflict: it is not over; cancel it first.
        """
        self._transport.delete(_path(preview))

    def content(self, preview: str, name: str) -> bytes:
        """The text (UTF-8) or the picture (PNG) of one thing that ``result.shown`` lists."""
        return self._transport.content(f"{_path(preview)}/files/{quote(name, safe='')}")


def _path(preview: str) -> str:
    return f"/v1/previews/{quote(preview, safe='')}"
