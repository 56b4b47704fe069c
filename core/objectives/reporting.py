"""Documents of an evaluation as outputs of a run, and what people see of its mistakes."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.evaluation.reports import Document, Shown, picture, sound
from core.objectives import base
from core.objectives.language import is_text, text_of

_TEXT_CHARACTERS = 600


def as_reports(found: Sequence[Document]) -> list[base.Shown]:
    """Documents as outputs of a run, named by their kind."""
    return [
        base.Shown(document["kind"], base.REPORT, json.dumps(document, ensure_ascii=False).encode())
        for document in found
    ]


def seen(objective: base.Objective, rows: NDArray[Any]) -> list[Shown]:
    """What people see of raw samples: an image, a sound or a text; nothing of other kinds of samples."""
    if rows.dtype.names is not None and "pcm" in rows.dtype.names:
        audio: Any = objective  # only tasks on recordings have such rows
        return [sound(_heard(row, audio.clip), audio.data.sampling_rate) for row in rows]
    if rows.dtype == np.uint8 and rows.ndim == 4 and rows.shape[3] in {1, 3}:
        return [picture(row) for row in rows]
    if rows.ndim == 2 and np.issubdtype(rows.dtype, np.integer):
        return [_read(objective, row) for row in rows]
    return [{} for _ in rows]


def _heard(row: Any, clip: int) -> NDArray[np.int16]:
    begin, end = int(row["begin"]), int(row["length"])
    found: NDArray[np.int16] = row["pcm"][begin : min(begin + clip, end)]
    return found


def _read(objective: base.Objective, ids: NDArray[np.int64]) -> Shown:
    data: Any = getattr(objective, "data", None)
    text = text_of(data, ids) if is_text(data) else objective.as_text(ids)
    return {} if text is None else {"text": text[:_TEXT_CHARACTERS]}
