"""Estimates: what a job would take."""

from collections.abc import Callable
from urllib.parse import quote

from seedbed.models import Estimate
from seedbed.resources.short_jobs import wait
from seedbed.transport import Transport


class Estimates:
    """``client.estimates``; `Jobs.estimate` asks for one."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, estimate: str) -> Estimate:
        return Estimate.model_validate(self._transport.get(_path(estimate)))

    def wait(self, estimate: str, *, on_progress: Callable[[Estimate], object] | None = None) -> Estimate:
        """The estimate once it is over: its ``result``, or its ``failure``.

        Args:
            estimate: Its id.
            on_progress: Told how it stands, about once a second.
        """
        return wait(self._transport, _path(estimate), Estimate, on_progress)

    def cancel(self, estimate: str) -> Estimate:
        """Nobody needs the answer any more."""
        return Estimate.model_validate(self._transport.post(f"{_path(estimate)}/cancel"))

    def delete(self, estimate: str) -> None:
        """Delete an estimate that is over.

        Raises:
            Conflict: it is not over; cancel it first.
        """
        self._transport.delete(_path(estimate))


def _path(estimate: str) -> str:
    return f"/v1/estimates/{quote(estimate, safe='')}"
