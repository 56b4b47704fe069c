"""A dataset becomes arrays of bytes, once: "Prepared data" in docs/engine-protocol.md."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.errors import DataError
from core.data.files import DataFile
from core.data.image.arrays import TRAIN_IMAGES, channel_statistics, part_images
from core.data.image.gathering import HELD_OUT, TRAIN, Gathered
from core.data.image.prepared import FORMAT, PreparedImages, open_prepared, write_meta
from core.data.image.reading import samples
from core.data.progress import OnProgress, Progress
from core.data.store import stored
from core.formats.labels import natural_order
from core.spec.data import DataSpec

BAD_SHARE = 0.01
"""Of all images, above which ``on_bad_sample: refuse`` refuses."""


def prepare(
    files: Sequence[DataFile], spec: DataSpec, cache: Path, *, on_progress: OnProgress | None = None
) -> PreparedImages:
    """The dataset's prepared form in ``cache``, made now where it is not there yet.

    Raises:
        DataError: ``data_too_small``, ``data_unreadable``, ``too_many_bad_samples``.
        OSError: where ``cache`` cannot be written.
    """
    files = sorted(files, key=lambda file: (file.name, file.sha256))
    key = cache_key(files, spec)
    prepared, cached = stored(
        cache,
        key,
        open_=open_prepared,
        build=lambda directory: _build(directory, key, files, spec, on_progress),
    )
    # Asked each time: what is prepared is the same for both choices.
    if spec.on_bad_sample == "refuse":
        _refuse_many(prepared)
    return replace(prepared, cached=cached)


def cache_key(files: Sequence[DataFile], spec: DataSpec) -> str:
    """Names the prepared form by all that it depends on."""
    document = {
        "format": FORMAT,
        "modality": "image",
        "data": spec.model_dump(mode="json", include={"image", "held_out_fraction"}),
        "files": sorted([file.name, file.sha256] for file in files),
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _refuse_many(prepared: PreparedImages) -> None:
    seen = prepared.train + prepared.held_out + prepared.duplicates + prepared.bad
    if prepared.bad <= BAD_SHARE * seen:
        return
    first = "; ".join(sample.reason for sample in prepared.skipped[:3])
    raise DataError(
        "too_many_bad_samples",
        f"{prepared.bad:,} of {seen:,} images cannot be used, more than 1 %: {first}",
        "Correct or remove them, or set data.on_bad_sample to skip.",
    )


def _build(
    directory: Path, key: str, files: Sequence[DataFile], spec: DataSpec, on_progress: OnProgress | None
) -> None:
    reading = Progress(on_progress, "reading", sum(file.path.stat().st_size for file in files), "bytes")
    size, channels = spec.image.size, spec.image.channels
    gathered = Gathered()
    with (directory / TRAIN_IMAGES).open("wb") as images:
        for sample in samples(files, spec.image, reading.at):
            pixels = gathered.take(sample)
            if pixels is not None:
                images.write(pixels.tobytes())
    reading.finish()
    parts = gathered.split(spec.held_out_fraction)
    part_images(directory, parts == HELD_OUT, parts == TRAIN, (size, size, channels))
    classes, labels = _classes(gathered.labels)
    labels[parts == TRAIN].tofile(directory / "train.labels")
    labels[parts == HELD_OUT].tofile(directory / "held_out.labels")
    train = int(np.count_nonzero(parts == TRAIN))
    mean, std = channel_statistics(directory, (train, size, size, channels))
    write_meta(
        directory,
        {
            "key": key,
            "height": size,
            "width": size,
            "channels": channels,
            "train": train,
            "held_out": int(np.count_nonzero(parts == HELD_OUT)),
            "mean": mean,
            "std": std,
            "classes": classes,
            "duplicates": gathered.duplicates,
            "bad": gathered.bad,
            "skipped": [asdict(sample) for sample in gathered.skipped],
            "own_split": any(gathered.own),
        },
    )


def _classes(labels: Sequence[str | None]) -> tuple[list[str], NDArray[np.int64]]:
    """The classes' names in their natural order, and each sample's; a single class says nothing and is none."""
    names = natural_order({label for label in labels if label is not None})
    if len(names) < 2:
        return [], np.full(len(labels), -1, np.int64)
    index = {name: number for number, name in enumerate(names)}
    numbers = (-1 if label is None else index[label] for label in labels)
    return names, np.fromiter(numbers, np.int64, len(labels))
