"""The peak memory of the processes that the API starts."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_LOOK_SECONDS = 0.05


class ChildrenMemory:
    """Samples the memory of every descendant of a process during a block.

    The kernel records each process's peak, so only processes that live shorter than one sampling interval are missed.
    """

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_mb = 0.0
        self.seen: set[int] = set()
        """The ids of all processes seen so far."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(_LOOK_SECONDS):
            try:
                children = self._process.children(recursive=True)
            except psutil.Error:
                continue
            for child in children:
                self.seen.add(child.pid)
                self.peak_mb = max(self.peak_mb, _peak_mb(child.pid))


def _peak_mb(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0")
    return int(line.split()[1]) * 1024 / 1e6
