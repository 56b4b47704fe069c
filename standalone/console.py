"""Output of several processes on one terminal: each line has the process's name as a prefix, in its colour."""

import os
import sys
import threading

_COLOURS = {"postgres": 34, "valkey": 31, "api": 32, "worker": 35, "seedbed": 36}
_WIDTH = max(map(len, _COLOURS))
_writing = threading.Lock()


def say(message: str, *, who: str = "seedbed") -> None:
    """Write lines to standard error, each with its prefix."""
    prefix = f"{who:<{_WIDTH}} │ "
    if sys.stderr.isatty() and "NO_COLOR" not in os.environ:
        prefix = f"\x1b[{_COLOURS[who]}m{prefix}\x1b[0m"
    text = "".join(f"{prefix}{line}\n" for line in message.splitlines())
    # A closed terminal must not end the service.
    with _writing:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            pass


class LogPipe:
    """Copies a process's output line by line to standard error; one pipe serves all restarts of the process."""

    def __init__(self, who: str, *, quiet: bool = False) -> None:
        self._who = who
        self._quiet = quiet
        self._read, self.write = os.pipe()
        self._thread = threading.Thread(target=self._copy, name=f"log of {who}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait until the last line is copied. Call it when the processes that write here have ended."""
        os.close(self.write)
        self._thread.join(timeout=5.0)

    def _copy(self) -> None:
        with os.fdopen(self._read, "rb") as lines:
            for line in lines:
                if not self._quiet:
                    say(line.decode(errors="replace").rstrip(), who=self._who)
