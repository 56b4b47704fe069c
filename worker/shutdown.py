"""Passes the request for a graceful shutdown from Celery's main process to its pool's process.

Celery's main process receives the signals; its pool's process does the work. A pipe connects them: the main process holds the
only write end. Closing it, by a call or by the process's end, is the message, so the message cannot get lost or come too early.
"""

import os
import threading


class ShutdownPipe:
    """Made in the main process before it forks."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def announce(self) -> None:
        """Request the shutdown; called in the main process, also from a signal handler."""
        if self._write != -1:
            fd, self._write = self._write, -1
            os.close(fd)

    def watch(self) -> threading.Event:
        """An event that is set when the worker shall stop; called in the pool's process."""
        self.announce()  # this process's copy of the write end would keep the pipe open
        stop = threading.Event()

        def wait() -> None:
            os.read(self._read, 1)
            stop.set()

        threading.Thread(target=wait, name="shutdown", daemon=True).start()
        return stop
