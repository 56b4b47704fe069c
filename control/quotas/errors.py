"""Errors for exceeded quotas and low disk space."""

from http import HTTPStatus

from control.errors import SeedbedError, TooLarge
from control.quotas.schemas import Kind


def amount(count: int) -> str:
    """Bytes with a unit, as text."""
    size, unit = float(count), "bytes"
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{size:,.3g} {unit}" if size < 1000 else f"{size:,.0f} {unit}"


class QuotaExceeded(TooLarge):
    """The project's quota is exceeded."""

    def __init__(self, kind: Kind, *, used: int, more: int, limit: int) -> None:
        super().__init__(
            "quota_exceeded",
            f"The project's {kind} take up {amount(used)} and may take up {amount(limit)}; {amount(more)} more do "
            f"not fit. Delete {kind} that are not needed (GET /v1/usage lists the usage), or have an admin raise the quota.",
            params={"kind": kind, "used_bytes": used, "more_bytes": more, "limit_bytes": limit},
        )


class DiskLow(SeedbedError):
    """The free space of the storage's file system would fall below its reserve."""

    status = HTTPStatus.INSUFFICIENT_STORAGE

    def __init__(self, *, free: int, keep: int) -> None:
        super().__init__(
            "disk_low",
            f"{amount(free)} are free where the service stores its files, and {amount(keep)} of it must stay free. "
            "Delete jobs, checkpoints or datasets that are not needed, or free space there.",
            params={"free_bytes": free, "keep_bytes": keep},
        )
