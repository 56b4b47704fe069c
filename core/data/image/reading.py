"""Reads the images of a dataset's files in order, each IDX file with its labels."""

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.data.files import DataFile, layout_of, opened, read_each
from core.formats import FormatError
from core.formats.image.decoding import ImageSample, decode_ahead
from core.formats.image.images import RawImage, read_images, read_labels
from core.formats.limits import IMAGE_LIMITS, PixelBudget
from core.spec.data import ImageDataSpec


def samples(
    files: Sequence[DataFile], spec: ImageDataSpec, on_bytes: Callable[[int], None] = lambda _: None
) -> Iterator[ImageSample | FormatError]:
    """All images, file after file in the given order. A sample that cannot be read is yielded as its error.

    Args:
        on_bytes: Called from time to time with the number of bytes of the files that are read.

    Raises:
        DataError: ``data_unreadable``, where a file itself is unsafe or cannot be read.
    """
    # The same limits as at upload, because a file may not have been inspected, or only before inspection had limits.
    budgets = {file.name: PixelBudget(file.path.stat().st_size, IMAGE_LIMITS) for file in files}
    return decode_ahead(_raw(files, spec, on_bytes), spec.size, spec.channels, budgets=budgets)


def _raw(
    files: Sequence[DataFile], spec: ImageDataSpec, on_bytes: Callable[[int], None]
) -> Iterator[RawImage | FormatError]:
    idx_labels = _idx_labels(files)
    layout = layout_of(files, "image")

    def read(file: DataFile, stream: BinaryIO) -> Iterator[RawImage | FormatError]:
        labels = idx_labels.get(_pair(file.name))
        found = read_images(
            stream,
            file.name,
            image_column=spec.image_column or file.reading.column,
            label_column=spec.label_column,
            layout=layout,
        )
        for number, raw in enumerate(found):
            if labels is not None and isinstance(raw, RawImage):
                label = str(labels[number]) if number < len(labels) else None
                yield RawImage(raw.place, raw.content, label, raw.held_out)
            else:
                yield raw

    return read_each(files, read, on_bytes)


def _idx_labels(files: Sequence[DataFile]) -> dict[str, NDArray[np.uint8]]:
    """The labels of IDX files of images, by the name that both files have in common."""
    found = {}
    for file in files:
        if "idx1" not in file.name:
            continue
        with opened(file) as stream:
            labels = read_labels(stream, file.name)
        if labels is not None:
            found[_pair(file.name)] = labels
    return found


def _pair(name: str) -> str:
    """A name that ``train-images-idx3-ubyte.gz`` and ``train-labels-idx1-ubyte.gz`` have in common."""
    return name.split("-idx", 1)[0].replace("images", "*").replace("labels", "*") if "-idx" in name else ""
