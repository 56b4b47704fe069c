"""A checkpoint as one zip: stored as it is, streamed, and of a length known beforehand."""

from collections.abc import Iterable, Iterator

from zipstream import ZIP_STORED, ZipStream

from control.storage import Storage

_BLOCK = 1 << 20


def archive(storage: Storage, members: Iterable[tuple[str, str, int]]) -> tuple[int, Iterator[bytes]]:
    """The zip's length in bytes, and its bytes about a MiB at a time.

    Args:
        members: (name in the archive, key in storage, size in bytes).
    """
    stream = ZipStream(compress_type=ZIP_STORED, sized=True)
    for name, key, size in members:
        stream.add(storage.chunks(key), name, size=size)
    return len(stream), _blocks(iter(stream))


def _blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join the small pieces (headers), pass the large ones on."""
    small: list[bytes] = []
    size = 0
    for piece in pieces:
        small.append(piece)
        size += len(piece)
        if size >= _BLOCK:
            yield b"".join(small)
            small, size = [], 0
    if small:
        yield b"".join(small)
