"""Path and query parameters that many routes share."""

import re
from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator
from starlette.convertors import Convertor, register_url_convertor

from control.errors import NotFound
from control.ids import Prefix


class _AnyText(Convertor[str]):
    """The rest of a path whatever is in it; Starlette's own ``path`` ends at a line feed."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("rest", _AnyText())

_CODES: dict[Prefix, str] = {
    "ds": "dataset_not_found",
    "job": "job_not_found",
    "ckpt": "checkpoint_not_found",
    "key": "key_not_found",
    "smp": "sample_not_found",
    "est": "estimate_not_found",
    "exp": "export_not_found",
    "prv": "preview_not_found",
}
_NAMES: dict[Prefix, str] = {
    "ds": "dataset",
    "job": "job",
    "ckpt": "checkpoint",
    "key": "key",
    "smp": "sample",
    "est": "estimate",
    "exp": "export",
    "prv": "preview",
}


def _of_kind(prefix: Prefix) -> AfterValidator:
    pattern = re.compile(f"{prefix}_[0-9a-z]{{26}}")

    def check(value: str) -> str:
        # No id of ours, so nothing that exists: the answer is the same as for one that was never given out.
        if not pattern.fullmatch(value):
            name = _NAMES[prefix]
            raise NotFound(
                _CODES[prefix], f"There is no {name} {value[:100]!r}: ids read {prefix}_….", param=name
            )
        return value

    return AfterValidator(check)


def _path(prefix: Prefix, example: str) -> object:
    return Path(
        description=f"Id, `{prefix}_…`",
        json_schema_extra={"pattern": f"^{prefix}_[0-9a-z]{{26}}$"},
        examples=[example],
    )


DatasetId = Annotated[str, _of_kind("ds"), _path("ds", "ds_01kb3c4d5e6f7g8h9jakbmcnpq")]
JobId = Annotated[str, _of_kind("job"), _path("job", "job_01kb3c4d5e6f7g8h9jakbmcnpq")]
CheckpointId = Annotated[str, _of_kind("ckpt"), _path("ckpt", "ckpt_01kb3c4d5e6f7g8h9jakbmcnpq")]
SampleId = Annotated[str, _of_kind("smp"), _path("smp", "smp_01kb3c4d5e6f7g8h9jakbmcnpq")]
EstimateId = Annotated[str, _of_kind("est"), _path("est", "est_01kb3c4d5e6f7g8h9jakbmcnpq")]
ExportId = Annotated[str, _of_kind("exp"), _path("exp", "exp_01kb3c4d5e6f7g8h9jakbmcnpq")]
PreviewId = Annotated[str, _of_kind("prv"), _path("prv", "prv_01kb3c4d5e6f7g8h9jakbmcnpq")]
KeyId = Annotated[str, _of_kind("key"), _path("key", "key_01kb3c4d5e6f7g8h9jakbmcnpq")]

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
