"""Linear probe and k nearest neighbours of the features of labelled texts, for checkpoints that learned without labels."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.assessment.opened import Opened
from core.assessment.probing import probe_section
from core.assessment.section import Section
from core.data import DataError, DataFile, Samples
from core.data.files import layout_of
from core.data.progress import OnProgress
from core.data.text import StartTokenizer, document_samples, prepare
from core.formats import FormatError
from core.formats.text.labelled import read_labelled
from core.objectives.base import Objective, chunks
from core.objectives.headed_text import framed
from core.objectives.language import LanguageModel, real_tokens
from core.spec.data import DataSpec

_LOOKED_AT = 1000
"""Samples at the beginning of each file of which one must have a label."""
_AT_ONCE = 32


def text_probe_section(
    objective: LanguageModel,
    opened: Opened,
    files: Sequence[DataFile],
    cache: Path,
    on_progress: OnProgress,
) -> Section | None:
    """The probes of whole documents; None where the texts have no classes that can be told apart.

    A document is read as fine-tuning reads it: one a row, cut at the checkpoint's ``training.sequence_length``. Its features
    are the mean over its tokens.
    """
    job = opened.job
    spec = job.data.model_copy(
        update={
            "text": job.data.text.model_copy(update={"labels": "one"}),
            "tokenizer": job.data.tokenizer.model_copy(update={"kind": "checkpoint"}),
        }
    )
    if not _has_labels(files, spec):
        return None
    try:
        data = prepare(files, spec, cache, on_progress=on_progress, start=StartTokenizer.read(opened.path))
    except DataError:
        # The labels are no classes, or none of them is in both splits.
        return None
    length = job.training.sequence_length
    train, held_out = (document_samples(data, split, length) for split in ("train", "held_out"))

    def features(_: Objective, samples: Samples, indices: NDArray[np.int64]) -> Tensor:
        return _document_features(objective, job.architecture, samples, indices)

    return probe_section(objective, train, held_out, "documents", features)


def _has_labels(files: Sequence[DataFile], spec: DataSpec) -> bool:
    layout = layout_of(files, "text")
    for file in files:
        try:
            with file.path.open("rb") as stream:
                samples = read_labelled(
                    stream,
                    file.name,
                    spec.text,
                    text_column=spec.text_column,
                    options=file.reading,
                    layout=layout,
                )
                if any(sample.label is not None for sample in islice(samples, _LOOKED_AT)):
                    return True
        except FormatError:
            return False
    return False


def _document_features(
    objective: LanguageModel, architecture: str, samples: Samples, indices: NDArray[np.int64]
) -> Tensor:
    """Shape (N, D)."""
    special, device, found = objective.data.special_ids, objective.model.device, []
    for chunk in chunks(indices, _AT_ONCE):
        ids = torch.from_numpy(framed(samples.rows(chunk), architecture, special))
        real = real_tokens(ids, special)
        length = int(real.sum(dim=1).max())
        part = objective.learned_encoder.features(ids[:, :length].to(device), real[:, :length].to(device))
        found.append(part.float())
    return torch.cat(found)
