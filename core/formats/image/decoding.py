"""Decodes images in several threads, and yields them in their order."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b

from core.formats.errors import FormatError, Place
from core.formats.image.images import RawImage
from core.formats.image.pixels import Decoded, decode_image
from core.formats.limits import IMAGE_LIMITS, Limits, PixelBudget

_AHEAD = 64
"""Images for each thread that are read ahead of the one that is yielded."""
_AHEAD_BYTES = 96 << 20
"""Encoded bytes of all images that are read ahead."""


@dataclass(frozen=True)
class ImageSample:
    """An image whose decoding has begun."""

    place: Place
    hash: int
    """64-bit hash of the encoded file, which does not depend on the size that it is decoded to."""
    label: str | None
    held_out: bool
    decoded: "Future[Decoded | FormatError]"
    """The pixels; or the error where the image cannot be decoded. The error is a result and not raised, because its traceback
    would keep the sample and all its bytes until the next garbage collection: 1 GB for a hundred bad images."""
    bytes: int
    """Size of the encoded file."""


def decode_ahead(
    found: Iterable[RawImage | FormatError],
    size: int,
    channels: int,
    *,
    limits: Limits = IMAGE_LIMITS,
    budgets: Mapping[str, PixelBudget] | None = None,
    threads: int | None = None,
) -> Iterator[ImageSample | FormatError]:
    """Each image in order, while its decoding runs in a thread. An image that could not be read is yielded as its error.

    Args:
        budgets: The limit on the pixels of all images of each file, by the file's name.
        threads: Default: one for each core. Pillow releases the interpreter lock while it decodes and resamples.
    """
    threads = threads or len(os.sched_getaffinity(0))
    ahead = 0
    waiting: deque[ImageSample | FormatError] = deque()
    with ExitStack() as stack:
        pool = ThreadPoolExecutor(threads, thread_name_prefix="images")
        stack.callback(pool.shutdown, cancel_futures=True)
        for raw in found:
            if isinstance(raw, FormatError):
                waiting.append(raw)
            else:
                content = raw.content if isinstance(raw.content, bytes) else raw.content.tobytes()
                digest = int.from_bytes(blake2b(content, digest_size=8).digest(), "big")
                budget = budgets[raw.place.file] if budgets else None
                decoded = pool.submit(_decoded, raw, size, channels, limits, budget)
                ahead += len(content)
                waiting.append(
                    ImageSample(raw.place, digest, raw.label, raw.held_out, decoded, bytes=len(content))
                )
            while len(waiting) > _AHEAD * threads or ahead > _AHEAD_BYTES:
                first = waiting.popleft()
                yield first
                ahead -= first.bytes if isinstance(first, ImageSample) else 0
        while waiting:
            yield waiting.popleft()


def _decoded(
    raw: RawImage, size: int, channels: int, limits: Limits, budget: PixelBudget | None
) -> Decoded | FormatError:
    try:
        return decode_image(raw, size, channels, limits=limits, budget=budget)
    except FormatError as error:
        # Also remove the tracebacks of the errors behind it: their frames refer to the future that holds this error.
        error.__context__ = None
        return error.with_traceback(None)
