"""Resources that a process of the API holds from start to end, and the function by which routes get them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy import Engine

from api.body_room import BodyRoom
from api.gauges import LoadGauges
from api.identity_cache import IdentityCache
from api.inspections import Inspections
from api.live import Hub
from api.predictions import Predictions
from api.readiness import Readiness
from api.throttle import Throttle
from api.upload_room import UploadRoom
from control.broker import Broker
from control.settings import Settings
from control.storage import Storage


@dataclass(frozen=True)
class Context:
    settings: Settings
    engine: Engine
    storage: Storage
    broker: Broker
    identity_cache: IdentityCache
    hub: Hub
    load_gauges: LoadGauges
    throttle: Throttle
    room: UploadRoom
    uploads: ThreadPoolExecutor
    """Threads that move file bytes into storage, apart from those that answer requests, so that a slow disk delays no request."""
    downloads: ThreadPoolExecutor
    """Threads that move file bytes out of storage, so that many uploads do not delay downloads."""
    inspections: Inspections
    predictions: Predictions
    body_room: BodyRoom
    readiness: Readiness


def context_of(request: Request) -> Context:
    return cast("Context", request.app.state.context)


Ctx = Annotated[Context, Depends(context_of)]
