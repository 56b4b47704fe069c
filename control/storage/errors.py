"""The errors of storage, the same for every kind of storage."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from obstore import exceptions as obstore_errors

from control.errors import NotFound, SeedbedError, Unavailable

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class StorageFull(SeedbedError):
    """No room for the object that was being written; nothing of it is left."""

    status = HTTPStatus.INSUFFICIENT_STORAGE

    def __init__(self) -> None:
        super().__init__(
            "storage_full",
            "The service's storage is full, and nothing of this was kept. Free space there, then send it again.",
        )


class StorageUnavailable(Unavailable):
    """The storage could not be reached, or refused."""

    def __init__(self) -> None:
        super().__init__(
            "storage_unavailable",
            "The service's storage cannot be reached at the moment. Try again shortly.",
        )


class StorageNotFound(NotFound):
    """There is no object of that key."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__("object_missing", "The stored object is missing in the service's storage.")


@contextmanager
def as_storage_errors(key: str = "") -> Iterator[None]:
    """Convert exceptions of the operating system and of obstore to this module's errors.

    The original exception is the ``__cause__``, for the log only, because it may name hosts and paths.
    """
    try:
        yield
    except FileNotFoundError as error:  # also what obstore raises for an absent object
        raise StorageNotFound(key) from error
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull from error
        raise StorageUnavailable from error
    except obstore_errors.BaseError as error:
        if "No space left" in str(error) or "QuotaExceeded" in str(error):
            raise StorageFull from error
        raise StorageUnavailable from error
