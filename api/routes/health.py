"""Is the process alive, can it serve, and how is it doing."""

import asyncio
from collections.abc import Callable

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text

from api.context import Context, Ctx
from control.db import read
from control.health.schemas import Alive, Readiness

router = APIRouter(tags=["health"])

_PATIENCE = 3.0
"""Seconds that a part gets to answer."""


@router.get("/healthz", operation_id="isAlive")
async def is_alive() -> Alive:
    """The process answers."""
    return Alive()


@router.get(
    "/readyz",
    operation_id="isReady",
    responses={
        503: {"description": "A part does not answer; which one stands in the body.", "model": Readiness}
    },
)
async def is_ready(context: Ctx, response: Response) -> Readiness:
    """Whether database, broker and storage answer, each with its state."""
    database, broker, storage = await asyncio.gather(
        _state(context, lambda: _ask_database(context)),
        _state(context, context.broker.ping),
        _state(context, context.storage.check),
    )
    readiness = Readiness(
        ready=database == broker == storage == "ok", database=database, broker=broker, storage=storage
    )
    if not readiness.ready:
        response.status_code = 503
    return readiness


def _ask_database(context: Context) -> None:
    with read(context.engine) as session:
        session.execute(text("SELECT 1"))


async def _state(context: Context, check: Callable[[], object]) -> str:
    """``ok``, or the kind of failure; never its message, which may name hosts."""
    loop = asyncio.get_running_loop()
    try:
        await asyncio.wait_for(loop.run_in_executor(context.transfers, check), _PATIENCE)
    except TimeoutError:
        return "no answer in time"
    except Exception as error:  # noqa: BLE001 - any failure means the same: not ready
        return f"failing ({type(error).__name__})"
    return "ok"


@router.get(
    "/metrics",
    operation_id="getPrometheusMetrics",
    response_class=Response,
    responses={
        200: {
            "content": {"text/plain": {"schema": {"type": "string"}}},
            "description": "Prometheus' text format.",
        }
    },
)
def get_prometheus_metrics(context: Ctx) -> Response:
    """Counters and gauges for Prometheus: this process's own, and the load of the whole service."""
    return Response(generate_latest() + context.load_gauges.text(), media_type=CONTENT_TYPE_LATEST)
