"""Errors that end a run, and the exit code of each."""

import errno
from typing import Any

from core.characters import without_objects
from core.parameters import plain

STOPPED = 75
"""Exit code of a run that was asked to stop and wrote a checkpoint (graceful shutdown)."""

PAUSED = 76
"""Exit code of a run that wrote a checkpoint and waits for a person to resume it, as its spec says (``training.on_collapse``)."""

INTERNAL = 70
"""Exit code of an unexpected exception."""

DATA_ERROR = 65
"""Exit code of a run whose data cannot be used for training."""

_EXIT_CODES = {
    "spec_invalid": 64,
    "task_unavailable": 64,
    "device_unavailable": 64,
    "checkpoint_mismatch": 64,
    "export_unsupported": 64,
    "export_differs": 64,
    "start_missing": 64,
    "earlier_data_missing": 64,
    "teacher_missing": 64,
    "run_directory_taken": 64,
    "run_directory_unwritable": 74,
    "run_directory_busy": 74,
    "checkpoint_damaged": 65,
    "non_finite_loss": 66,
    "out_of_memory": 71,
    "disk_full": 74,
    "checkpoint_write_failed": 74,
    "internal": INTERNAL,
}


class EngineError(Exception):
    """An error that ends a run: a stable ``code``, what happened, and what to do about it.

    ``details`` is what the message and the hint are made of, and what else is known.
    """

    def __init__(self, code: str, message: str, hint: str = "", **details: Any) -> None:
        message = without_objects(message)
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = plain(details, items=None)

    @property
    def exit_code(self) -> int:
        """The exit code of the process; see ``docs/engine-protocol.md``."""
        return _EXIT_CODES[self.code]


def is_disk_full(error: BaseException) -> bool:
    """Whether an exception means that a file system, a disk quota or a limit on the size of a file is exhausted."""
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    # Safetensors reports errors of the operating system as text.
    return type(error).__name__ == "SafetensorError" and any(
        f"os error {number}" in str(error) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    )
