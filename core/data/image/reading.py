"""The images in a dataset's files, decoded by several threads, in the order of the files."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from core.data.errors import DataError
from core.data.files import DataFile
from core.formats import FormatError
from core.formats.images import RawImage, read_images, read_labels
from core.spec.data import ImageDataSpec

_AHEAD = 64
"""Images a thread that are read before they are wanted."""


@dataclass(frozen=True)
class Sample:
    """An image, decoded, or why it could not be."""

    hash: int
    """64 bits of the file's content, as it was stored: the same whatever size it is brought to."""
    label: str | None
    held_out: bool
    decoded: "Future[NDArray[np.uint8]]"
    """Shape (size, size, channels); raises `FormatError`."""


def samples(
    files: Sequence[DataFile], spec: ImageDataSpec, on_bytes: Callable[[int], None] = lambda _: None
) -> Iterator[Sample | FormatError]:
    """All images, file after file in the order given; samples that could not even be read as their error.

    Decoding runs ahead in one thread a core: Pillow lets go of the interpreter meanwhile.
    ``on_bytes`` is told now and then how many bytes of the files are behind.

    Raises:
        DataError: ``data_unreadable``, where a file itself cannot be read or believed.
    """
    # Imported here: a process that only asks for a cache key needs no Pillow.
    from core.formats.pixels import decode_image  # noqa: PLC0415 - see above

    threads = len(os.sched_getaffinity(0))
    waiting: deque[Sample | FormatError] = deque()
    with ExitStack() as stack:
        pool = ThreadPoolExecutor(threads, thread_name_prefix="images")
        stack.callback(pool.shutdown, cancel_futures=True)

        def decode(raw: RawImage) -> NDArray[np.uint8]:
            return decode_image(raw, spec.size, spec.channels).pixels

        for raw in _raw(files, spec, on_bytes):
            if isinstance(raw, FormatError):
                waiting.append(raw)
            else:
                content = raw.content if isinstance(raw.content, bytes) else raw.content.tobytes()
                digest = int.from_bytes(blake2b(content, digest_size=8).digest(), "big")
                waiting.append(Sample(digest, raw.label, raw.held_out, pool.submit(decode, raw)))
            if len(waiting) > _AHEAD * threads:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()


def _raw(
    files: Sequence[DataFile], spec: ImageDataSpec, on_bytes: Callable[[int], None]
) -> Iterator[RawImage | FormatError]:
    behind = 0
    idx_labels = _idx_labels(files)
    for file in files:
        labels = idx_labels.get(_pair(file.name))
        try:
            with file.path.open("rb") as stream:
                found = read_images(
                    stream, file.name, image_column=spec.image_column, label_column=spec.label_column
                )
                for number, raw in enumerate(found):
                    on_bytes(behind + stream.tell())
                    if labels is not None and isinstance(raw, RawImage):
                        label = str(labels[number]) if number < len(labels) else None
                        yield RawImage(raw.place, raw.content, label, raw.held_out)
                    else:
                        yield raw
        except FormatError as error:
            raise DataError("data_unreadable", str(error), "Correct or remove the file.") from error
        except OSError as error:
            raise DataError("data_unreadable", f"{file.name} cannot be read: {error}") from error
        behind += file.path.stat().st_size
        on_bytes(behind)


def _idx_labels(files: Sequence[DataFile]) -> dict[str, NDArray[np.uint8]]:
    """The labels of IDX files of images, by the name that both share."""
    found = {}
    for file in files:
        if "idx1" not in file.name:
            continue
        try:
            with file.path.open("rb") as stream:
                labels = read_labels(stream, file.name)
        except FormatError as error:
            raise DataError("data_unreadable", str(error), "Correct or remove the file.") from error
        if labels is not None:
            found[_pair(file.name)] = labels
    return found


def _pair(name: str) -> str:
    """``train-images-idx3-ubyte.gz`` and ``train-labels-idx1-ubyte.gz`` come to the same."""
    return name.split("-idx", 1)[0].replace("images", "*").replace("labels", "*") if "-idx" in name else ""
