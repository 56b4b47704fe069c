"""Turns what a person asks of a checkpoint into a request for a worker."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from control.checkpoints import service as checkpoints
from control.checkpoints.uploads import is_uploaded
from control.datasets import repository as datasets
from control.datasets.modalities import READING
from control.datasets.selection import which_of
from control.db import ReadSession
from control.errors import Conflict, Invalid, TooLarge
from control.ids import new_id
from control.lifecycle import repository as lifecycle
from control.predictions.request import PredictionRequest, RequestedFile
from control.predictions.schemas import PredictIn
from control.schemas import ProblemDetail
from core.spec.data import Which
from core.spec.job import JobSpec
from core.spec.predictions import AUDIO_BYTES, IMAGE_BYTES, Prediction
from core.spec.problems import explain
from core.spec.stored import is_known, why_missing

_NOT_NEEDED = ("trainer/optimizer.safetensors", "ema/")
"""Beginnings of the paths of a checkpoint's files that no prediction reads."""
_MOST_BYTES = {"image": IMAGE_BYTES, "audio": AUDIO_BYTES}
_MOST_DATASET_BYTES = 2 << 30
"""Files of a dataset are searched in their order up to this size together."""


def request_of(
    session: ReadSession, project_id: str, checkpoint_id: str, asked: PredictIn, *, seconds: float
) -> PredictionRequest:
    """The request for a worker, checked against the checkpoint's task.

    Args:
        seconds: Seconds that it may take.

    Raises:
        NotFound: ``checkpoint_not_found``.
        Conflict: ``task_unavailable``: the package of its task is not installed.
        Invalid: ``prediction_unsupported``, ``validation_failed``.
        TooLarge: ``input_too_large``.
    """
    checkpoint = checkpoints.get(session, project_id, checkpoint_id)
    job = lifecycle.get(session, checkpoint.job_id)
    assert job is not None, "a checkpoint is deleted with its job"
    kind = job.spec["task"]["kind"]
    if not is_known(job.spec):
        raise Conflict("task_unavailable", why_missing(kind), params={"task": kind})
    prediction = _chosen(type(JobSpec.model_validate(job.spec).task).all_predictions(), kind, asked.kind)
    options = _options(prediction, asked)
    _check_input(prediction, asked)
    return PredictionRequest(
        id=new_id("prd"),
        project_id=project_id,
        checkpoint_id=checkpoint.id,
        job_id=None if is_uploaded(checkpoint) else checkpoint.job_id,
        step=checkpoint.step,
        prefix=checkpoint.prefix,
        files=tuple(
            file for file in checkpoint.manifest["files"] if not file["path"].startswith(_NOT_NEEDED)
        ),
        kind=prediction.kind,
        options=options,
        text=asked.text,
        content=asked.content,
        dataset=_dataset(session, job.dataset_id, which_of(job.spec)) if prediction.needs_dataset else (),
        seconds=seconds,
    )


def _chosen(offered: Sequence[Prediction], task: str, wanted: str | None) -> Prediction:
    kinds = [prediction.kind for prediction in offered]
    if not offered or (wanted is not None and wanted not in kinds):
        raise Invalid(
            "prediction_unsupported",
            f"A checkpoint of the task {task} can be asked for {', '.join(kinds) or 'nothing'}"
            + (f", not for {wanted!r}." if wanted is not None else "."),
            param="kind",
            params={"task": task, "kinds": kinds, "kind": wanted},
        )
    return offered[0] if wanted is None else offered[kinds.index(wanted)]


def _options(prediction: Prediction, asked: PredictIn) -> dict[str, Any]:
    try:
        return prediction.options.model_validate(asked.options).model_dump(mode="json")
    except ValidationError as error:
        details = [
            ProblemDetail(
                param=f"options.{found.param}" if found.param else "options",
                code=found.code,
                message=found.message,
                params=dict(found.params),
                suggestion=found.suggestion,
            )
            for found in explain(error.errors(include_url=False), prediction.options)
        ]
        first = details[0]
        raise Invalid(
            "validation_failed",
            f"{first.param}: {first.message}.",
            param=first.param,
            params={"case": "options", "problem": first.code, "field": first.param, **first.params},
            errors=details,
            errors_omitted=error.error_count() - len(details),
        ) from None


def _check_input(prediction: Prediction, asked: PredictIn) -> None:
    """
    Raises:
        Invalid: ``validation_failed``; TooLarge: ``input_too_large``.
    """
    takes = {"text": "text", "image": "content", "audio": "content"}.get(prediction.input)
    for name in ("text", "content"):
        given = getattr(asked, name) is not None
        if name == takes and not given:
            raise _wrong_input(
                name,
                "missing",
                f"{prediction.kind} needs {_named(prediction)} here",
                case="input",
                kind=prediction.kind,
                input=prediction.input,
            )
        if name != takes and given:
            raise _wrong_input(
                name,
                "unexpected",
                f"{prediction.kind} takes {_named(prediction)}, and this is not it",
                kind=prediction.kind,
                input=prediction.input,
            )
    if takes != "content":
        return
    try:
        size = len(base64.b64decode(asked.content or "", validate=True))
    except (binascii.Error, ValueError):
        raise _wrong_input("content", "invalid_base64", "it is not base64") from None
    if size == 0:
        raise _wrong_input("content", "missing", "it is empty", case="empty")
    limit = _MOST_BYTES[prediction.input]
    if size > limit:
        raise TooLarge(
            "input_too_large",
            f"The file has {size:,} bytes, and {limit:,} are allowed here. Send a smaller one.",
            param="content",
            params={"bytes": size, "limit": limit},
        )


def _named(prediction: Prediction) -> str:
    return {
        "text": "a text in `text`",
        "image": "an image in `content`",
        "audio": "a recording in `content`",
        "none": "no input",
    }[prediction.input]


def _wrong_input(param: str, code: str, message: str, **params: Any) -> Invalid:
    detail = ProblemDetail(param=param, code=code, message=message, params=params)
    about = {"case": "input", "problem": code, "field": param}
    return Invalid("validation_failed", f"{param}: {message}.", param=param, params=about, errors=[detail])


def _dataset(session: ReadSession, dataset_id: str | None, which: Which) -> tuple[RequestedFile, ...]:
    """The first files that the checkpoint's job reads of its dataset, up to `_MOST_DATASET_BYTES` together.

    Raises:
        Conflict: ``dataset_unsearchable``.
    """
    found: list[RequestedFile] = []
    for file in datasets.files(session, dataset_id, which) if dataset_id is not None else ():
        if sum(earlier.bytes for earlier in found) + file.bytes > _MOST_DATASET_BYTES:
            break
        reading = file.report.get(READING) or {}
        found.append(RequestedFile(file.name, file.sha256, file.bytes, file.object_key, reading))
    if not found:
        raise Conflict(
            "dataset_unsearchable",
            "The dataset of the checkpoint's job has no files, or its first one is larger than "
            f"{_MOST_DATASET_BYTES >> 30} GiB, so no neighbours can be searched there.",
            params={"dataset": dataset_id, "limit": _MOST_DATASET_BYTES},
        )
    return tuple(found)
