"""The Celery application: it receives wake-up messages and runs them in a pool of one process."""

from celery import Celery
from kombu.entity import Queue

from control.broker import QUEUES, TASK, broker_url
from control.settings import Settings

_TIMEOUT = 5.0


def create_app(chosen: Settings) -> Celery:
    """The worker's Celery application, with its one task.

    PostgreSQL decides which job runs; a message only wakes a worker up. So messages are acknowledged early, never
    retried, and have no result. There is no prefetch, because a busy worker must not hold a wake-up message that an
    idle one could use. While the broker is unreachable, the worker tries to connect again and again.
    """
    app = Celery("seedbed", broker=broker_url(chosen), set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=False,
        task_queues=[Queue(name) for name in QUEUES],  # type: ignore[no-untyped-call]
        task_create_missing_queues=False,
        worker_concurrency=1,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_proc_alive_timeout=60.0,
        worker_enable_remote_control=False,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=_TIMEOUT,
        broker_transport_options={
            "socket_connect_timeout": _TIMEOUT,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
        enable_utc=True,
    )

    @app.task(name=TASK, ignore_result=True, acks_late=False)  # type: ignore[untyped-decorator]
    def run_job(job_id: str) -> None:
        """Handle a wake-up message: claim jobs until none is left. The id is only used in the log."""
        from worker.child import child  # noqa: PLC0415 - the pool's process alone has one

        child().answer(job_id)

    return app
