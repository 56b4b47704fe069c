"""Jobs that take turns on one machine, some seconds each, so that what else happens to it happens to all alike."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import psutil

Points = Sequence[tuple[int, float]]
"""Steps, and the Unix times at which the engine told of them."""


class Player:
    """A job's processes, stopped but in their turns; its clock is the time that they were let run.

    Args:
        processes: their pids, asked anew at each turn's end.
    """

    def __init__(self, processes: Callable[[], Iterable[int]]) -> None:
        self._processes = processes
        self._pids: set[int] = set()
        self._turns: list[tuple[float, float]] = []

    @property
    def clock(self) -> float:
        """Seconds in all turns so far."""
        return sum(end - start for start, end in self._turns)

    def stop(self) -> None:
        """Until the next turn."""
        self._pids = set(self._processes())
        self._signal(signal.SIGSTOP)

    def release(self) -> None:
        """Let go on, outside any turn."""
        self._signal(signal.SIGCONT)

    def turn(self, seconds: float) -> None:
        """Let run for so long."""
        start = time.time()
        self._signal(signal.SIGCONT)
        time.sleep(seconds)
        self._signal(signal.SIGSTOP)
        self._turns.append((start, time.time()))
        self.stop()  # and what was started meanwhile; to look for it takes time, which is nobody's

    def steps(self, points: Points, clock: Sequence[float]) -> list[float]:
        """Steps done at each of the times on the clock, between points in proportion; points outside turns are left out.

        Raises:
            ValueError: where a time lies before the first point or behind the last.
        """
        done, when = [], []
        before = 0.0
        for start, end in self._turns:
            for step, told in points:
                if start <= told <= end:
                    done.append(step)
                    when.append(before + told - start)
            before += end - start
        if not when or clock[0] < when[0] or clock[-1] > when[-1]:
            raise ValueError("A job told too little of itself for what is asked.")
        return [float(value) for value in np.interp(clock, when, done)]

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def family(pid: int) -> list[int]:
    """A process and all below it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return []
