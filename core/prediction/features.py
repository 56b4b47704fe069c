"""Features of samples, and the samples of a dataset that are nearest to one."""

import base64
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from core.data.files import DataFile
from core.errors import EngineError
from core.evaluation.pictures import grid, png
from core.formats import FormatError
from core.formats.audio.decoding import decode_sound
from core.formats.audio.pictures import thumbnail
from core.formats.audio.recordings import read_recordings
from core.formats.image.images import read_images
from core.formats.text.documents import read_documents
from core.objectives.predictions import Answering, Asked, InputError, Values
from core.prediction.inputs import clip_row, image_row
from core.prediction.opening import Opened
from core.spec.predictions import NeighbourOptions

_BATCH = 16
"""Samples of the dataset that are encoded between two turns of other requests."""
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class Sample:
    """A sample of a dataset for people: the beginning of a text, or a thumbnail."""

    where: str
    """The file, and the member or the number in it."""
    text: str | None = None
    png: str | None = None
    """In base64."""


@dataclass
class Index:
    """Features of the first samples of a dataset, normalised to length 1."""

    samples: list[Sample] = field(default_factory=list)
    features: list[NDArray[np.float32]] = field(default_factory=list)
    skipped: int = 0
    """Samples that could not be read."""


def embed(opened: Opened, asked: Asked) -> Answering:
    """The features of the input, as ``Objective.encode`` gives them."""
    yield None
    vector, truncated = features_of(opened, asked.text, asked.rows)
    return {
        "kind": "vector",
        "vector": [float(number) for number in vector],
        "width": len(vector),
        "truncated": truncated,
    }


def neighbours(opened: Opened, files: Sequence[DataFile], index: Index, asked: Asked) -> Answering:
    """The samples of the dataset that are the most similar to the input.

    Args:
        index: Filled on the first call, and used again.
    """
    options = asked.options
    assert isinstance(options, NeighbourOptions)
    vector, _ = features_of(opened, asked.text, asked.rows)
    if not index.samples:
        # Two requests that take turns each fill an index of their own.
        filled = Index()
        yield from _fill(filled, opened, files, options.samples)
        index.samples, index.features, index.skipped = filled.samples, filled.features, filled.skipped
    if not index.samples:
        raise EngineError("data_unreadable", "No sample of the job's dataset can be read.")
    likeness = np.stack(index.features) @ _unit(vector)
    order = np.argsort(-likeness, kind="stable")[: options.count]
    found = [_shown(index.samples[place], float(likeness[place])) for place in order.tolist()]
    return {
        "kind": "neighbours",
        "neighbours": found,
        "searched": len(index.samples),
        "skipped": index.skipped,
    }


def features_of(opened: Opened, text: str, rows: NDArray[Any] | None) -> tuple[NDArray[np.float32], bool]:
    """The features of one sample, shape (D,), and whether a text was cut at the network's length."""
    if rows is not None:
        encoded = opened.objective.encode(rows)
        assert encoded is not None
        return encoded[0].float().cpu().numpy(), False
    encoder = opened.objective.learned_encoder
    assert encoder is not None
    ids = _tokenizer(opened).encode(text).ids
    if not ids:
        raise InputError("input_empty", "The text has no tokens. Write some text.", case="tokens")
    length = opened.job.training.sequence_length
    inputs = torch.tensor([ids[:length]], device=next(opened.objective.parameters()).device)
    return encoder.features(inputs)[0].float().cpu().numpy(), len(ids) > length


def _tokenizer(opened: Opened) -> Tokenizer:
    return Tokenizer.from_file(str(opened.directory / "tokenizer.json"))


def _fill(
    index: Index, opened: Opened, files: Sequence[DataFile], most: int
) -> Generator[Values | None, None, None]:
    for number, (sample, text, rows) in enumerate(islice(_read(opened, files, index), most)):
        try:
            vector, _ = features_of(opened, text, rows)
        except InputError:
            index.skipped += 1
            continue
        index.samples.append(sample)
        index.features.append(_unit(vector))
        if number % _BATCH == _BATCH - 1:
            yield {"searched": len(index.samples)}


_Read = Iterator[tuple[Sample, str, NDArray[Any] | None]]


def _read(opened: Opened, files: Sequence[DataFile], index: Index) -> _Read:
    for file in files:
        try:
            yield from _READERS[opened.job.task.modality](opened, file, index)
        except FormatError:
            # An earlier version of the reader accepted the file, or a part of it: the rest still serves.
            index.skipped += 1


def _texts(opened: Opened, file: DataFile, _index: Index) -> _Read:
    with file.path.open("rb") as stream:
        documents = read_documents(
            stream,
            file.name,
            text_column=opened.job.data.text_column,
            options=file.reading,
            columns=opened.job.data.text.columns,
        )
        for number, document in enumerate(documents, 1):
            yield Sample(f"{file.name}, {number}", text=document[:_SHOWN_CHARACTERS]), document, None


def _images(opened: Opened, file: DataFile, index: Index) -> _Read:
    image = opened.job.data.image
    column = image.image_column or file.reading.column
    with file.path.open("rb") as stream:
        for raw in read_images(stream, file.name, image_column=column, label_column=image.label_column):
            if isinstance(raw, FormatError):
                index.skipped += 1
                continue
            try:
                row = image_row(opened.job, raw)
            except FormatError:
                index.skipped += 1
                continue
            shown = base64.b64encode(png(grid(row, columns=1, gap=0))).decode()
            yield Sample(raw.place.member or raw.place.file, png=shown), "", row


def _recordings(opened: Opened, file: DataFile, index: Index) -> _Read:
    with file.path.open("rb") as stream:
        for raw in read_recordings(stream, file.name):
            if isinstance(raw, FormatError):
                index.skipped += 1
                continue
            try:
                sound = decode_sound(raw)
            except FormatError:
                index.skipped += 1
                continue
            row = clip_row(opened.job, sound)
            yield Sample(raw.place.member or raw.place.file, png=thumbnail(sound)), "", row


_READERS: Mapping[str, Callable[[Opened, DataFile, Index], _Read]] = {
    "text": _texts,
    "image": _images,
    "audio": _recordings,
}


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    length = float(np.linalg.norm(vector))
    unit: NDArray[np.float32] = vector / np.float32(length) if length else vector
    return unit


def _shown(sample: Sample, likeness: float) -> dict[str, Any]:
    shown: dict[str, Any] = {"where": sample.where, "similarity": likeness}
    if sample.text is not None:
        shown["text"] = sample.text
    if sample.png is not None:
        shown["png"] = sample.png
    return shown
