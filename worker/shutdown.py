"""How the pool's process learns that the worker shall stop.

Celery's main process gets the signals, its pool's process does the work. A pipe joins them: the main process holds the
only end for writing, and closing it (or dying) is the message. Nothing can get lost or come too early.
"""

import os
import threading


class ShutdownPipe:
    """Made in the main process before it forks."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def announce(self) -> None:
        """In the main process, also in a signal handler: the worker shall stop."""
        if self._write != -1:
            fd, self._write = self._write, -1
            os.close(fd)

    def watch(self) -> threading.Event:
        """In the pool's process: an event that is set when the worker shall stop."""
        self.announce()  # our copy of the main process's end would keep the pipe open
        stop = threading.Event()

        def wait() -> None:
            os.read(self._read, 1)
            stop.set()

        threading.Thread(target=wait, name="shutdown", daemon=True).start()
        return stop
