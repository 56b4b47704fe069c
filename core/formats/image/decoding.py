"""Images decoded by several threads, in the order in which they come."""

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
"""Images a thread that are read before they are wanted,"""
_AHEAD_BYTES = 96 << 20
"""and their bytes, all threads together."""


@dataclass(frozen=True)
class ImageSample:
    """An image on its way to pixels."""

    place: Place
    hash: int
    """64 bits of the file's content, as it was stored: the same whatever size it is brought to."""
    label: str | None
    held_out: bool
    decoded: "Future[Decoded | FormatError]"
    """The error where it cannot be decoded: raised, its traceback would hold the sample and all bytes of it until the next
    collection of garbage, and a hundred bad images hold a gigabyte."""
    bytes: int
    """As it was stored."""


def decode_ahead(
    found: Iterable[RawImage | FormatError],
    size: int,
    channels: int,
    *,
    limits: Limits = IMAGE_LIMITS,
    budgets: Mapping[str, PixelBudget] | None = None,
    threads: int | None = None,
) -> Iterator[ImageSample | FormatError]:
    """Each image, its decoding under way, in order; what could not be read as its error.

    Args:
        budgets: What all images of each file may have together, by the file's name.
        threads: Default: one a core. Pillow lets go of the interpreter while it decodes and resamples.
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
        # Of the errors behind it too: their frames lead back to the future that holds this one.
        error.__context__ = None
        return error.with_traceback(None)
