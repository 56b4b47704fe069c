"""The sinks of one attempt: fed with the engine's events, and told how it ended."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from control.jobs.service import Claim
from worker.tracking.process import Kind, SinkProcess, Trouble
from worker.tracking.sink import Opening


class Tracking:
    """The sinks of a worker's process: an attempt's sinks begin once those of an earlier attempt at the same job have ended."""

    def __init__(self, kinds: Sequence[Kind], *, seconds: float) -> None:
        self._kinds = kinds
        self._seconds = seconds
        self._ending: dict[tuple[str, str], SinkProcess] = {}

    def open(self, claim: Claim, start_step: int, tell: Callable[[Trouble], object]) -> list[SinkProcess]:
        """Start the sinks of an attempt; does not wait for them."""
        self._ending = {key: one for key, one in self._ending.items() if not one.join(0)}
        opened = []
        for kind in self._kinds:
            opening = Opening(
                job=claim.job_id,
                name=str(claim.spec["name"]),
                attempt=claim.attempt,
                start_step=start_step,
                spec=claim.spec,
                options=kind.options,
            )
            key = (kind.name, claim.job_id)
            sink = SinkProcess(kind, opening, tell, seconds=self._seconds, after=self._ending.get(key))
            self._ending[key] = sink
            opened.append(sink)
        return opened


class AttemptTracking:
    """Passes an attempt's metrics on to its sinks. No method waits for a sink.

    Args:
        tell: Called with each trouble while the attempt runs, from another thread.
        tell_late: Called with a trouble after the attempt's end, likewise.
    """

    def __init__(
        self,
        tracking: Tracking,
        claim: Claim,
        tell: Callable[[Trouble], object],
        tell_late: Callable[[Trouble], object],
    ) -> None:
        self._tracking = tracking
        self._claim = claim
        self._tell = tell
        self._tell_late = tell_late
        self._lock = threading.Lock()
        self._over = False
        self._sinks: list[SinkProcess] = []
        self._ending = "failed"

    def handle(self, event: Mapping[str, Any]) -> None:
        """Handle an event of the engine; short jobs have no metrics to pass on."""
        if self._claim.purpose != "train":
            return
        match event["event"]:
            case "started":
                self._sinks = self._tracking.open(
                    self._claim, int(event.get("resumed_from_step", 0)), self._trouble
                )
            case "metrics":
                for sink in self._sinks:
                    sink.points(event["step"], event["time"], event["values"])
            case "finished":
                self._ending = event["reason"]

    def close(self) -> None:
        """The attempt is over; its sinks finish by themselves."""
        for sink in self._sinks:
            sink.end(self._ending)
        with self._lock:
            self._over = True

    def _trouble(self, trouble: Trouble) -> None:
        with self._lock:
            over = self._over
        (self._tell_late if over else self._tell)(trouble)
