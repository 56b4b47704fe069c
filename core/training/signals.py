"""Graceful shutdown: the first signal requests a stop, the second ends the process at once."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Self

_STOPPING = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """Context manager that handles SIGTERM and SIGINT (main thread only).

    ``requested`` becomes true with the first signal; the second one has its default effect and kills the process.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        for number in _STOPPING:
            self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.requested:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self.requested = True

    @contextlib.contextmanager
    def at_once(self, stop: Callable[[], None]) -> Iterator[None]:
        """A context in which the first signal calls ``stop`` at once, in a thread of its own.

        Python runs its own signal handlers between two bytecodes of the main thread, and training
        a tokenizer is one call into native code that may take minutes.
        """
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        previous = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

        def watch() -> None:
            while number := os.read(reader, 1):
                if number[0] in _STOPPING:
                    stop()

        watcher = threading.Thread(target=watch, name="stop-signals", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(previous)
            os.close(writer)
            watcher.join()
            os.close(reader)
