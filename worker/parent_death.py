"""Child processes that the kernel kills when their parent ends for any reason, so that none is orphaned (Linux)."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1

# Resolved once and early: between fork and exec nothing may be imported or looked up.
_prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None


def die_with_parent(parent_pid: int, with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Ask the kernel to send `with_signal` to the calling process when its parent dies.

    The kernel watches the *thread* that forked this process; start children from a thread that lives as long
    as its process. A change of user resets the setting, so call this after one. On systems other than
    Linux this does nothing: there, children end when their pipes are closed.

    Args:
        parent_pid: The parent as it was before the fork. If it has died meanwhile, this process exits at once.
        with_signal: What the kernel shall send.
    """
    if _prctl is None:
        return
    _prctl(_PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(1)


def dies_with_parent(with_signal: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """For ``subprocess.Popen(preexec_fn=…)``: `die_with_parent` with the process that calls this as the parent."""
    parent_pid = os.getpid()
    return lambda: die_with_parent(parent_pid, with_signal)
