"""Object storage behind one interface: a directory of this machine, or an S3-compatible bucket."""

from control.storage.base import Stage, Storage, StoredObject
from control.storage.errors import StorageFull, StorageNotFound, StorageUnavailable
from control.storage.opening import open_storage

__all__ = [
    "Stage",
    "Storage",
    "StorageFull",
    "StorageNotFound",
    "StorageUnavailable",
    "StoredObject",
    "open_storage",
]
