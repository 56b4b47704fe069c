"""The project's use of storage, and its quotas."""

from typing import Annotated

from fastapi import APIRouter, Body

from api.auth import AUTH_PROBLEMS, Admin, Reader
from api.context import Ctx
from api.problem_types import problems
from api.strict_json import StrictJsonRoute
from control.db import read, write
from control.quotas import service as quotas
from control.quotas.schemas import QuotasIn
from control.usage import service
from control.usage.schemas import UsageOut

router = APIRouter(prefix="/v1", tags=["usage"], route_class=StrictJsonRoute)


@router.get("/usage", operation_id="getUsage", responses=problems(*AUTH_PROBLEMS))
def get_usage(caller: Reader, context: Ctx) -> UsageOut:
    """Bytes and counts of what the project has stored, its quotas, and the free space."""
    with read(context.engine) as session:
        return service.usage(session, context.storage, context.settings, caller.project_id)


@router.patch(
    "/quotas",
    operation_id="setQuotas",
    responses=problems(*AUTH_PROBLEMS, "invalid_json", "body_too_large", "validation_failed"),
)
def set_quotas(
    body: Annotated[QuotasIn, Body(examples=[{"checkpoints": 20_000_000_000, "samples": None}])],
    caller: Admin,
    context: Ctx,
) -> UsageOut:
    """Set the project's own quotas, in bytes; null removes one. The operator's quotas apply too: the lower of the two
    counts. What is stored already is kept."""
    with write(context.engine) as session:
        quotas.set_quotas(session, caller.project_id, body)
        return service.usage(session, context.storage, context.settings, caller.project_id)
