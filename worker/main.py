"""The worker program: Celery's main process, which receives the signals and owns the pool of one process."""

import logging
import os
import signal
from types import FrameType
from typing import Any

from celery import signals
from celery.app import trace
from celery.worker import state
from celery.worker.worker import WorkController

from control.settings import Settings, settings
from core.spec.tasks import task_faults
from worker import child
from worker.app import create_app
from worker.child import ChildSettings
from worker.device import Device, DeviceChoice, describe
from worker.runtime_directory import runtime_directory
from worker.shutdown import ShutdownPipe

log = logging.getLogger(__name__)

_CHATTER = ("celery.worker.strategy", "celery.app.trace")
"""Celery's loggers of each received and finished wake-up message: their level is raised, since the supervisor logs more."""

_QUEUES: dict[Device, str] = {"cpu": "cpu", "cuda": "gpu"}


class _Main(WorkController):  # type: ignore[misc]
    """Celery's worker without its banner, its logging and its signal handlers."""

    def on_before_init(self, **_: Any) -> None:
        trace.setup_worker_optimizations(self.app, self.hostname)

    def on_consumer_ready(self, _: Any) -> None:
        log.info("listening for wake-up messages on %s", ", ".join(self.app.amqp.queues.consume_from))


def run(choice: DeviceChoice, *, engine_module: str | None = None, chosen: Settings | None = None) -> int:
    """Run the worker until a signal stops it.

    SIGTERM, SIGINT and SIGHUP begin a graceful shutdown: the running job writes a checkpoint and returns to the queue. A
    second signal ends the worker at once; the kernel then kills its child processes.

    Args:
        choice: Which device to offer.
        engine_module: What ``python -m`` runs as the engine; default: ``SEEDBED_ENGINE``, else ``core``.

    Returns:
        The exit code.

    Raises:
        NoDeviceError: the device is not here.
    """
    chosen = chosen or settings()
    machine = describe(choice)
    for fault in task_faults():
        log.warning("%s", fault)
    shutdown = ShutdownPipe()
    with runtime_directory() as directory:
        child_settings = ChildSettings(
            settings=chosen,
            machine=machine,
            directory=directory,
            engine_module=engine_module or os.environ.get("SEEDBED_ENGINE", "core"),
            shutdown=shutdown,
            main_pid=os.getpid(),
        )
        # Celery keeps weak references to its receivers by default. The caller has set up logging.
        signals.setup_logging.connect(lambda **_: None, weak=False)
        for name in _CHATTER:
            logging.getLogger(name).setLevel(logging.WARNING)
        signals.worker_process_init.connect(lambda **_: child.start(child_settings), weak=False)
        signals.worker_process_shutdown.connect(lambda **_: child.close(), weak=False)
        main = _Main(
            app=create_app(chosen),
            hostname=f"{machine.device}@{machine.name.replace(':', '-')}",
            queues=[_QUEUES[machine.device]],
            pool_cls="prefork",
            concurrency=1,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            loglevel=logging.INFO,
        )
        _listen_to_signals(shutdown)
        main.start()
        return int(main.exitcode or 0)


def _listen_to_signals(shutdown: ShutdownPipe) -> None:
    def on_signal(number: int, _: FrameType | None) -> None:
        if state.should_stop is not None:
            os._exit(128 + number)
        state.should_stop = os.EX_OK
        shutdown.announce()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, on_signal)
