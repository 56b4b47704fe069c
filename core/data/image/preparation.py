"""Prepares a dataset of images: decoded once, stored on disk as arrays of bytes. See "Prepared data" in docs/engine-protocol.md."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from core.data.bad_samples import refuse_many
from core.data.classes import numbered
from core.data.files import DataFile, identities
from core.data.image.arrays import TRAIN_IMAGES, channel_statistics, split_images
from core.data.image.gathering import HELD_OUT, TRAIN, Gathered
from core.data.image.prepared import PreparedImages, open_prepared, write_meta
from core.data.image.reading import samples
from core.data.progress import OnProgress, Progress
from core.data.store import stored
from core.spec.data import DataSpec
from core.spec.prepared import prepared_key


def prepare(
    files: Sequence[DataFile], spec: DataSpec, cache: Path, *, on_progress: OnProgress | None = None
) -> PreparedImages:
    """The dataset's prepared form in ``cache``. Prepared now if it is not there.

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
    # Checked on each call, because the prepared data does not depend on this option.
    if spec.on_bad_sample == "refuse":
        seen = prepared.train + prepared.held_out + prepared.duplicates + prepared.bad
        refuse_many("images", prepared.bad, seen, prepared.skipped)
    return replace(prepared, cached=cached)


def cache_key(files: Sequence[DataFile], spec: DataSpec) -> str:
    """The key of the prepared data: a hash of everything that it depends on."""
    return prepared_key("image", spec, identities(files))


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
    decisions = gathered.split(spec.held_out_fraction)
    split_images(directory, decisions == HELD_OUT, decisions == TRAIN, (size, size, channels))
    classes, labels = numbered(gathered.labels)
    labels[decisions == TRAIN].tofile(directory / "train.labels")
    labels[decisions == HELD_OUT].tofile(directory / "held_out.labels")
    train = int(np.count_nonzero(decisions == TRAIN))
    mean, std = channel_statistics(directory, (train, size, size, channels))
    write_meta(
        directory,
        {
            "key": key,
            "height": size,
            "width": size,
            "channels": channels,
            "train": train,
            "held_out": int(np.count_nonzero(decisions == HELD_OUT)),
            "mean": mean,
            "std": std,
            "classes": classes,
            "duplicates": gathered.duplicates,
            "bad": gathered.bad,
            "skipped": [asdict(sample) for sample in gathered.skipped],
            "own_split": any(gathered.own),
            "label_places": asdict(gathered.label_places.found(classes)),
        },
    )
