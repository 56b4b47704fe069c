"""Runs jobs in alternating turns of some seconds on one machine, so that other load affects all of them equally."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import psutil

Points = Sequence[tuple[int, float]]
"""(step, Unix time at which the engine reported it), in order."""


class Player:
    """A job's processes, which are stopped (SIGSTOP) except in their turns. Its clock counts the time of the turns.

    Args:
        processes: Returns the processes' ids; called again at the end of each turn.
    """

    def __init__(self, processes: Callable[[], Iterable[int]]) -> None:
        self._processes = processes
        self._pids: set[int] = set()
        self._turns: list[tuple[float, float]] = []

    @property
    def clock(self) -> float:
        """Seconds of all turns so far."""
        return sum(end - start for start, end in self._turns)

    def stop(self) -> None:
        """Stop the processes until the next turn."""
        self._pids = set(self._processes())
        self._signal(signal.SIGSTOP)

    def release(self) -> None:
        """Let the processes continue outside any turn."""
        self._signal(signal.SIGCONT)

    def turn(self, seconds: float) -> None:
        """Let the processes run for so many seconds."""
        start = time.time()
        self._signal(signal.SIGCONT)
        time.sleep(seconds)
        self._signal(signal.SIGSTOP)
        self._turns.append((start, time.time()))
        self.stop()  # again, for processes started meanwhile: finding them takes time, which counts for no turn

    def steps(self, points: Points, clock: Sequence[float]) -> list[float]:
        """The number of steps done at each time of `clock`, interpolated linearly; points outside turns are left out.

        Raises:
            ValueError: a time is before the first point or after the last.
        """
        done, when = [], []
        before = 0.0
        for start, end in self._turns:
            for step, moment in points:
                if start <= moment <= end:
                    done.append(step)
                    when.append(before + moment - start)
            before += end - start
        if not when or clock[0] < when[0] or clock[-1] > when[-1]:
            raise ValueError("The job has too few metric points for these times; run it for longer.")
        return [float(value) for value in np.interp(clock, when, done)]

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def family(pid: int) -> list[int]:
    """The ids of a process and all its descendants."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return []
