"""Checks the reserve of free disk space, since the database, the caches and the system write to the same disk."""

from pathlib import Path
from shutil import disk_usage

from control.quotas.errors import DiskLow
from control.settings import Settings
from control.storage import Storage, StorageFull
from control.usage.schemas import DiskUsage


def disk_of(storage: Storage, settings: Settings) -> DiskUsage | None:
    """Disk usage of the storage's file system; None for a bucket."""
    directory = storage.directory
    return None if directory is None else measure(directory, settings)


def measure(path: Path, settings: Settings) -> DiskUsage:
    """Disk usage of the file system that `path` is on, or would be on."""
    while not path.exists():
        path = path.parent
    found = disk_usage(path)
    keep = min(settings.keep_free_bytes, int(settings.keep_free_share * found.total))
    return DiskUsage(total_bytes=found.total, free_bytes=found.free, keep_free_bytes=keep)


def require(disk: DiskUsage | None, more: int = 0) -> None:
    """
    Raises:
        StorageFull: `more` bytes do not fit at all.
        DiskLow: less than the reserve is free, or would be with `more` bytes.
    """
    if disk is not None and more > disk.free_bytes:
        raise StorageFull
    if disk is not None and disk.free_bytes - more < disk.keep_free_bytes:
        raise DiskLow(free=disk.free_bytes, keep=disk.keep_free_bytes)
