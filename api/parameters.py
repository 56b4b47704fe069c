"""Path and query parameters that many routes share."""

import re
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AfterValidator
from starlette.convertors import Convertor, register_url_convertor

from control.errors import NotFound
from control.short_jobs.kind import Kind


class _AnyText(Convertor[str]):
    """A path parameter that takes any characters; Starlette's own ``path`` ends at a line feed."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("rest", _AnyText())


def _of_kind(prefix: str, name: str) -> AfterValidator:
    pattern = re.compile(f"{prefix}_[0-9a-z]{{26}}")

    def check(value: str) -> str:
        # The id has not the form of this service's ids, so nothing has it: the answer is 404, as for an unused id.
        if not pattern.fullmatch(value):
            raise NotFound(
                f"{name}_not_found",
                f"There is no {name} {value[:100]!r}: ids read {prefix}_….",
                param=name,
                params={"case": "form", name: value[:100], "prefix": prefix},
            )
        return value

    return AfterValidator(check)


def _path(prefix: str, example: str, alias: str | None = None) -> object:
    return Path(
        alias=alias,
        description=f"Id, `{prefix}_…`",
        json_schema_extra={"pattern": f"^{prefix}_[0-9a-z]{{26}}$"},
        examples=[example],
    )


DatasetId = Annotated[str, _of_kind("ds", "dataset"), _path("ds", "ds_01kb3c4d5e6f7g8h9jakbmcnpq")]
JobId = Annotated[str, _of_kind("job", "job"), _path("job", "job_01kb3c4d5e6f7g8h9jakbmcnpq")]
CheckpointId = Annotated[
    str, _of_kind("ckpt", "checkpoint"), _path("ckpt", "ckpt_01kb3c4d5e6f7g8h9jakbmcnpq")
]
SampleId = Annotated[str, _of_kind("smp", "sample"), _path("smp", "smp_01kb3c4d5e6f7g8h9jakbmcnpq")]
LineageId = Annotated[str, _of_kind("lin", "lineage"), _path("lin", "lin_01kb3c4d5e6f7g8h9jakbmcnpq")]
KeyId = Annotated[str, _of_kind("key", "key"), _path("key", "key_01kb3c4d5e6f7g8h9jakbmcnpq")]


def short_job_id(kind: Kind[Any]) -> tuple[AfterValidator, object]:
    """What makes a parameter ``short_job: Annotated[str, …]`` the id of a short job of this kind, in the path by the kind's name."""
    return _of_kind(kind.prefix, kind.name), _path(
        kind.prefix, f"{kind.prefix}_01kb3c4d5e6f7g8h9jakbmcnpq", alias=kind.name
    )


PageLimit = Annotated[int, Query(ge=1, le=200, description="At most so many.")]
Cursor = Annotated[
    str | None,
    Query(description="The `next` of the page before.", max_length=200, pattern="^[A-Za-z0-9_-]+$"),
]

Wait = Annotated[
    float,
    Query(
        ge=0,
        le=60,
        allow_inf_nan=False,
        description="Answer only once it is over, or after so many seconds.",
    ),
]
