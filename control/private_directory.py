"""A process's own directory for sockets and small files in the directory for temporary files.

A process that is killed cannot remove its directory, so the next one of the same kind does. A directory's lock, which the kernel
releases when the process ends, tells whether its process is alive.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from control.locks import FileLock, locked


class PrivateDirectory:
    """A directory with a short path, for this user only. Removes those of dead processes first.

    Args:
        prefix: Of its name; the same for all processes of a kind.
        parent: Where it is created. Default: the directory for temporary files.
    """

    def __init__(self, prefix: str, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        _sweep(parent, prefix)
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        self._lock = FileLock(self.path / "lock")

    def remove(self) -> None:
        """Remove it with everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()


def _sweep(parent: Path, prefix: str) -> None:
    for directory in parent.glob(f"{prefix}*"):
        lock = directory / "lock"
        # Directories of other users are left alone; one without a lock is being made at this moment.
        with contextlib.suppress(OSError):
            if directory.stat().st_uid == os.geteuid() and lock.exists():
                with locked(lock, wait=False):
                    shutil.rmtree(directory)
