"""Liveness, readiness and Prometheus metrics."""

import hmac
import ipaddress

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import SecretStr

from api.context import Ctx
from api.problem_types import problems
from control.errors import Forbidden, Unauthorized
from control.health.schemas import Alive, Readiness

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="isAlive")
async def is_alive() -> Alive:
    """The process answers."""
    return Alive()


@router.get(
    "/readyz",
    operation_id="isReady",
    responses={503: {"description": "A part does not answer; the body names it.", "model": Readiness}},
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
        },
        **problems("metrics_closed", "metrics_token_missing"),
    },
)
def get_prometheus_metrics(request: Request, context: Ctx) -> Response:
    """Counters and gauges for Prometheus: this process's own, and the load of the whole service. Requires
    `SEEDBED_METRICS_TOKEN` as a bearer token; if none is set, only requests from the service's machine are answered."""
    _check_metrics(request, context.settings.metrics_token)
    return Response(generate_latest() + context.load_gauges.text(), media_type=CONTENT_TYPE_LATEST)


_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "via")
"""Headers that proxies add: a request with one of them may come from any machine."""


def _check_metrics(request: Request, token: SecretStr | None) -> None:
    """
    Raises:
        Unauthorized: ``metrics_token_missing``; Forbidden: ``metrics_closed``.
    """
    if token is not None:
        given = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {token.get_secret_value()}".encode()):
            raise Unauthorized(
                "metrics_token_missing",
                "Send `Authorization: Bearer` with the service's SEEDBED_METRICS_TOKEN.",
            )
    elif any(name in request.headers for name in _FORWARDED) or not _is_local(request):
        raise Forbidden(
            "metrics_closed",
            "Metrics are served on the service's own machine only. To read them elsewhere, set SEEDBED_METRICS_TOKEN "
            "for the service and send it as a bearer token.",
        )


def _is_local(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
