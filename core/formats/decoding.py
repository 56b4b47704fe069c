"""Images decoded by several threads, in the order in which they come."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b

from core.formats.errors import FormatError, Place
from core.formats.images import RawImage
from core.formats.limits import IMAGE_LIMITS, Limits, PixelBudget
from core.formats.pixels import Decoded, decode_image

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
    decoded: "Future[Decoded]"
    """Raises `FormatError` where it cannot be decoded."""
    bytes: int
    """As it was stored."""


def decode_ahead(
    found: Iterable[RawImage | FormatError],
    size: int,
    channels: int,
    *,
    limits: Limits = IMAGE_LIMITS,
    budget: PixelBudget | None = None,
    threads: int | None = None,
) -> Iterator[ImageSample | FormatError]:
    """Each image, its decoding under way, in order; what could not be read as its error.

    Args:
        budget: What all images may have together.
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
                decoded = pool.submit(decode_image, raw, size, channels, limits=limits, budget=budget)
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
