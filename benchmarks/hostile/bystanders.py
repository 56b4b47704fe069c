"""Clients that use the service while it is attacked: one requests ``/healthz``, another project uploads small files."""

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from typing import Any, Self

import httpx

PROBE_SECONDS = 0.02
UPLOAD_SECONDS = 0.1
_ANSWER_SECONDS = 120.0


@dataclass(frozen=True)
class Answered:
    """One request of a bystander: when it was sent (`time.monotonic`), and the seconds until it was answered."""

    sent: float
    seconds: float
    status: int


class Bystander:
    """A process that sends requests from the beginning of the block to its end.

    Args:
        ask: A module-level function, called with a client and the request's number; returns the answer's status.
        every: Seconds from one request's start to the next one's, unless the answer takes longer.
    """

    def __init__(
        self, ask: Callable[[httpx.Client, int], int], url: str, headers: dict[str, str], every: float
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._stop = context.Event()
        self._answers, child = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_repeat, args=(ask, url, headers, every, self._stop, child), daemon=True
        )

    def __enter__(self) -> Self:
        self._process.start()
        self._answers.recv()  # wait for the first answer
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.is_alive():
            self._process.terminate()
        self._process.join()

    def end(self) -> list[Answered]:
        """Stop the process and return its requests."""
        self._stop.set()
        answered: list[Answered] = self._answers.recv()
        return answered


def probe(client: httpx.Client, _number: int) -> int:
    """Request ``/healthz``."""
    return client.get("/healthz").status_code


def upload(client: httpx.Client, number: int) -> int:
    """Upload a small file into the dataset of the client's base URL."""
    return client.put(f"files/note-{number % 20}.txt", content=b"A note.\n").status_code


def _repeat(  # noqa: PLR0917 - `Process` passes them by position
    ask: Callable[[httpx.Client, int], int],
    url: str,
    headers: dict[str, str],
    every: float,
    stop: Event,
    sender: Any,
) -> None:
    answered: list[Answered] = []
    with httpx.Client(base_url=url, headers=headers, timeout=_ANSWER_SECONDS) as client:
        while not stop.is_set():
            sent = time.monotonic()
            try:
                status = ask(client, len(answered))
            except httpx.HTTPError:
                status = 0
            answered.append(Answered(sent, time.monotonic() - sent, status))
            if len(answered) == 1:
                sender.send("begun")
            stop.wait(max(0.0, sent + every - time.monotonic()))
    sender.send(answered)
