"""Returns freed memory to the system."""

import ctypes
from contextlib import suppress

_libc = ctypes.CDLL(None)


def return_memory() -> None:
    """Return freed memory to the system, if the C library can; glibc keeps it for this process otherwise."""
    with suppress(AttributeError):
        _libc.malloc_trim(0)
