"""A dataset becomes arrays of bytes, once: "Prepared data" in docs/engine-protocol.md."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from core.data.bad_samples import refuse_many
from core.data.classes import numbered
from core.data.files import DataFile, identities
from core.data.image.arrays import TRAIN_IMAGES, channel_statistics, part_images
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
        seen = prepared.train + prepared.held_out + prepared.duplicates + prepared.bad
        refuse_many("images", prepared.bad, seen, prepared.skipped)
    return replace(prepared, cached=cached)


def cache_key(files: Sequence[DataFile], spec: DataSpec) -> str:
    """Names the prepared form by all that it depends on."""
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
    parts = gathered.split(spec.held_out_fraction)
    part_images(directory, parts == HELD_OUT, parts == TRAIN, (size, size, channels))
    classes, labels = numbered(gathered.labels)
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
