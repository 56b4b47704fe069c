"""Builds the complete OpenAPI document: every route with its errors, every error with an example. `api.openapi` prints it."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api import short_jobs
from api.problem_types import problems
from api.version import version
from control.schemas import Problem, ProblemDetail

DESCRIPTION = """\
Self-supervised pretraining as a service: upload unlabelled text, submit a job, watch it live, download a checkpoint
that opens with `transformers`.

Send `Authorization: Bearer sb_…` with every request. Lists are pages: pass `next` as `cursor`. Errors are problem
documents (RFC 9457) with a stable `code`. A POST that creates may carry an `Idempotency-Key`, and is then safe to repeat.
"""

TAGS = [
    {"name": "datasets", "description": "Data to learn from: create a dataset, upload files, complete it."},
    {
        "name": "tasks",
        "description": "What models can learn: when to choose each task, and what it measures.",
    },
    {"name": "jobs", "description": "Pretraining jobs, and their metrics, events and logs."},
    {
        "name": "lineages",
        "description": "Sequences of jobs that go on from one another, and what each stage forgot of those before.",
    },
    *short_jobs.tags(from_spec=True),
    {"name": "checkpoints", "description": "Checkpoints of models, file by file or as one archive."},
    *short_jobs.tags(from_spec=False),
    {"name": "usage", "description": "The storage that a project uses, and its quotas."},
    {"name": "workers", "description": "The processes that run jobs."},
    {"name": "keys", "description": "API keys."},
    {"name": "session", "description": "Signing in to the dashboard."},
    {"name": "health", "description": "Liveness, readiness and metrics, for operators of the service."},
]

_EVERYWHERE = problems(
    "invalid_request", "head_too_slow", "url_too_long", "head_too_large", "internal", "database_unavailable"
)


def install(app: FastAPI) -> None:
    """Make the app use the OpenAPI document of this module."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # this is how FastAPI wants it done


def build(app: FastAPI) -> dict[str, Any]:
    """The document of all routes of the app."""
    document = get_openapi(
        title="Seedbed",
        version=version(),
        summary="Self-supervised pretraining as a service.",
        description=DESCRIPTION,
        routes=app.routes,
        tags=TAGS,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    schemas = document["components"]["schemas"]
    for model in (Problem, ProblemDetail):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        schema.pop("$defs", None)
        schemas[model.__name__] = schema
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete(path, method, operation)
    return document


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]  # FastAPI's own, which this API never answers with
    if path.startswith("/v1/"):
        for status, response in _EVERYWHERE.items():
            bare = {"description": response["description"]}
            responses.setdefault(str(status), bare if method == "head" else response)
    operation["responses"] = dict(sorted(responses.items()))
