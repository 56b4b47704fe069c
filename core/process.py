"""Linux: a process that does not outlive the one it works for."""

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int | None = None) -> None:
    """Have the kernel kill this process when its parent dies.

    The kernel watches the parent's *thread* that made this process. It cannot tell of a death that
    came before this call, hence ``parent``: with another parent than that, the process ends here.

    Raises:
        OSError: where the kernel refuses.
    """
    if _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if parent is not None and os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)
