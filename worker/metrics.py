"""Prometheus metrics of a worker, served by the process that supervises its jobs.

The counts begin at zero whenever that process is replaced, as Prometheus expects of counters.
"""

import logging

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from control.settings import Settings

log = logging.getLogger(__name__)

registry = CollectorRegistry()

busy = Gauge("seedbed_worker_busy", "1 while a job runs here.", registry=registry)
attempts = Counter(
    "seedbed_worker_attempts", "Attempts that ended here, by how they ended.", ["outcome"], registry=registry
)
step = Gauge("seedbed_worker_step", "Newest step of the job that runs here.", registry=registry)
checkpoints = Counter(
    "seedbed_worker_checkpoints",
    "Checkpoints by whether they reached storage.",
    ["stored"],
    registry=registry,
)
database_failures = Counter(
    "seedbed_worker_database_failures", "Heartbeats that the database did not take.", registry=registry
)


def serve(chosen: Settings) -> None:
    """Serve the metrics from a thread, if the settings name a port; if the port is in use, the worker runs without metrics."""
    if chosen.worker_metrics_port is None:
        return
    try:
        start_http_server(chosen.worker_metrics_port, chosen.worker_metrics_host, registry)
    except OSError as error:
        log.warning(
            "no metrics: port %d of %s cannot be served: %s; give each worker a SEEDBED_WORKER_METRICS_PORT of its own",
            chosen.worker_metrics_port,
            chosen.worker_metrics_host,
            error.strerror,
        )
