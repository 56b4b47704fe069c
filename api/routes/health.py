"""Is the process alive, can it serve, and how is it doing."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.context import Ctx
from control.health.schemas import Alive, Readiness

router = APIRouter(tags=["health"])


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
    states = await context.readiness.states()
    readiness = Readiness(ready=set(states.values()) == {"ok"}, **states)
    if not readiness.ready:
        response.status_code = 503
    return readiness


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
