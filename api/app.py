"""The FastAPI application: its routes, its middleware, and the resources of the process."""

import asyncio
import logging
import os
import platform
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware

from api import dashboard, housekeeping, openapi_document, problems, reference, short_jobs
from api.body_room import BodyRoom, ReleaseBodies
from api.context import Context
from api.credential_check import EndCredentialChecks
from api.gauges import LoadGauges
from api.identity_cache import IdentityCache
from api.inspections import Inspections
from api.live import Hub
from api.predictions import Predictions
from api.readiness import Readiness, ask_database
from api.request_logging import RequestLogging
from api.routes import (
    checkpoint_uploads,
    checkpoints,
    dataset_versions,
    datasets,
    files,
    health,
    history,
    jobs,
    keys,
    lineages,
    predictions,
    samples,
    session,
    stream,
    system,
    tasks,
    usage,
    workers,
)
from api.security_headers import SecurityHeaders
from api.throttle import Throttle
from api.upload_room import UploadRoom
from control.broker import broker
from control.db import create_engine
from control.maintenance.service import Maintenance
from control.settings import Settings
from control.storage import open_storage
from core.spec.tasks import task_faults

log = logging.getLogger(__name__)

THREADS = 20
"""Number of threads that answer requests; each takes a database connection when it needs one."""
_TRANSFERS = 16
"""Number of threads that move file bytes, for uploads and for downloads each."""


def create_app(settings: Settings) -> FastAPI:
    """The API for these settings. It connects to nothing before its lifespan begins."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = create_engine(
            settings.database_url,
            application=f"seedbed api {platform.node()}:{os.getpid()}",
            pool_size=THREADS,
        )
        storage = open_storage(settings.storage_url)
        context = Context(
            settings=settings,
            engine=engine,
            storage=storage,
            broker=broker(),
            identity_cache=IdentityCache(engine, *settings.secrets),
            hub=Hub(engine, settings.redis_url),
            load_gauges=LoadGauges(engine),
            room=UploadRoom(engine, storage, settings),
            uploads=ThreadPoolExecutor(_TRANSFERS, "upload"),
            downloads=ThreadPoolExecutor(_TRANSFERS, "download"),
            inspections=Inspections(settings.inspections),
            predictions=Predictions(settings),
            body_room=BodyRoom(settings.predict_body_bytes),
            readiness=Readiness(
                {
                    "database": lambda: ask_database(engine),
                    "broker": broker().ping,
                    "storage": storage.check,
                }
            ),
            throttle=Throttle(broker(), settings.sign_in_attempts),
        )
        app.state.context = context
        for fault in task_faults():
            log.warning("%s", fault)
        stop = threading.Event()
        upkeep = Maintenance(engine, context.broker, storage, settings)
        threads = [
            _thread("upkeep", lambda: upkeep.run(stop)),
            _thread("housekeeping", lambda: housekeeping.run(engine, storage, stop)),
        ]
        context.hub.start()
        context.inspections.start()
        try:
            yield
        finally:
            stop.set()
            await context.hub.stop()
            for thread in threads:
                await asyncio.to_thread(thread.join)
            await asyncio.to_thread(context.inspections.close)
            await context.predictions.close()
            context.readiness.close()
            context.uploads.shutdown()
            context.downloads.shutdown()
            engine.dispose()

    app = FastAPI(
        title="Seedbed",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # `reference` serves it
        redirect_slashes=False,
    )
    openapi_document.install(app)
    app.state.reference = {}
    routers = [
        *(module.router for module in (session, keys, datasets, dataset_versions, files, tasks)),
        *short_jobs.routers(from_spec=True),
        *(module.router for module in (jobs, history, samples, stream, lineages)),
        *(checkpoint_uploads.router, checkpoint_uploads.files_router, checkpoints.router, predictions.router),
        *short_jobs.routers(from_spec=False),
        *(module.router for module in (usage, workers, system, health)),
    ]
    for router in (*routers, reference.router):
        app.include_router(router)
    problems.install(app, routers)
    dashboard.install(app, settings.dashboard_directory)
    app.add_middleware(
        GZipMiddleware,
        minimum_size=4096,
        compresslevel=4,
        # Weights hardly compress, and downloads have a Content-Length.
        exclude_content_types=(*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream", "image/png"),
    )
    app.add_middleware(ReleaseBodies)
    app.add_middleware(EndCredentialChecks)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestLogging)  # added last, so outermost
    return app


def _thread(name: str, target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread
