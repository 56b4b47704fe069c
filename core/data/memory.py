"""Memory that the process no longer needs."""

import ctypes
from contextlib import suppress

_libc = ctypes.CDLL(None)


def return_memory() -> None:
    """Give what was freed back to the system, where the C library can: glibc keeps it for this process otherwise."""
    with suppress(AttributeError):
        _libc.malloc_trim(0)
