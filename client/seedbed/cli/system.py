"""``seedbed system``"""

from seedbed.cli import text
from seedbed.cli.output import Json, fields, print_json
from seedbed.cli.usage import KINDS, disk_room
from seedbed.client import Client
from seedbed.models import System, Usage


def system(as_json: Json = False) -> None:
    """Show the state of the service: version, queue, workers, storage, limits. Needs an admin's key."""
    with Client() as client:
        found = client.system()
        used = None if as_json else client.usage()
    if used is None:
        print_json(found)
    else:
        _show(found, used)


def _show(found: System, used: Usage) -> None:
    queue = found.queue
    waits = queue.oldest_wait_seconds
    lag = found.metrics_lag_seconds
    storage = found.storage.state
    if found.storage.free_bytes is not None:
        storage += f", {text.size(found.storage.free_bytes)} free"
    fields(
        [
            ("version", found.version),
            ("counted", "the whole service" if found.scope == "service" else "this project"),
            ("queue", f"{queue.queued:,} queued, {queue.running:,} running, {queue.paused:,} paused"),
            ("longest wait", text.duration(waits) if waits is not None else None),
            ("workers", f"{found.workers.online:,} online, {found.workers.busy:,} busy"),
            ("storage", storage),
            ("disk", disk_room(used)),
            ("quotas", _quotas(used)),
            ("database", text.size(found.database_bytes) if found.database_bytes is not None else None),
            ("leader", found.leader),
            ("metrics lag", text.duration(lag) if lag is not None else None),
            (
                "event streams",
                f"{found.stream_listeners:,}" if found.stream_listeners is not None else None,
            ),
        ]
    )


def _quotas(used: Usage) -> str | None:
    kinds = [(kind, getattr(used, kind).limit_bytes) for kind in KINDS]
    return ", ".join(f"{kind} {text.size(limit)}" for kind, limit in kinds if limit is not None) or None
