"""``seedbed system``"""

from seedbed.cli import text
from seedbed.cli.output import Json, fields, print_json
from seedbed.client import Client
from seedbed.models import System


def system(as_json: Json = False) -> None:
    """Show the state of the service: version, queue, workers, storage. Needs an admin's key."""
    with Client() as client:
        found = client.system()
    if as_json:
        print_json(found)
    else:
        _show(found)


def _show(found: System) -> None:
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
            ("database", text.size(found.database_bytes) if found.database_bytes is not None else None),
            ("leader", found.leader),
            ("metrics lag", text.duration(lag) if lag is not None else None),
            (
                "event streams",
                f"{found.stream_listeners:,}" if found.stream_listeners is not None else None,
            ),
        ]
    )
