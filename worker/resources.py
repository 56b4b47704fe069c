"""Connections, cache and engine server of a worker's process, shared by all jobs that it runs."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

import control.models  # noqa: F401 - every table that a foreign key names has to be known
from control.db import create_engine
from control.settings import Settings
from control.storage import Storage, open_storage
from worker.cache import Cache
from worker.device import Machine
from worker.engine import PreloadedServer, clean_environment
from worker.tracking.attempt import Tracking
from worker.tracking.kinds import kinds_of


@dataclass(frozen=True)
class WorkerResources:
    """The resources of one process; made after Celery's fork, because connections do not survive a fork."""

    settings: Settings
    machine: Machine
    database: Engine
    storage: Storage
    cache: Cache
    engines: PreloadedServer
    tracking: Tracking

    @classmethod
    def assemble(
        cls, chosen: Settings, machine: Machine, directory: Path, *, engine_module: str = "core"
    ) -> "WorkerResources":
        """Make the resources, without connecting to anything and without starting anything.

        Args:
            directory: Private to this user; holds sockets.
            engine_module: What ``python -m`` runs as the engine.
        """
        return cls(
            tracking=Tracking(kinds_of(chosen), seconds=chosen.sink_seconds),
            settings=chosen,
            machine=machine,
            database=create_engine(
                chosen.database_url, application=f"seedbed worker {machine.name}", pool_size=4
            ),
            storage=open_storage(chosen.storage_url),
            cache=Cache(chosen.cache_directory, chosen.cache_bytes),
            engines=PreloadedServer(
                directory, clean_environment(machine.device) | _limits(chosen), module=engine_module
            ),
        )


def _limits(chosen: Settings) -> dict[str, str]:
    """Environment variables that limit how often an engine writes."""
    return {
        "SEEDBED_CHECKPOINT_SECONDS": str(chosen.checkpoint_seconds),
        "SEEDBED_POINT_SECONDS": str(chosen.point_seconds),
    }
