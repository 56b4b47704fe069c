"""Streams a checkpoint as one uncompressed zip whose length is known before the first byte."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

from zipstream import ZIP_STORED, ZipStream

from control.storage import Storage

_BLOCK = 1 << 20


class Member(NamedTuple):
    """A file of an archive."""

    name: str
    """In the archive."""
    content: str | bytes
    """Its key in storage, or its bytes."""
    size: int
    """In bytes."""


def archive(storage: Storage, members: Iterable[Member]) -> tuple[int, Iterator[bytes]]:
    """The zip's length in bytes, and its bytes about a MiB at a time.

    Members on this machine are all opened before the first byte is sent, so a deletion meanwhile does not truncate the
    response.
    """
    members = list(members)
    layout = ZipStream(compress_type=ZIP_STORED, sized=True)
    for name, _, size in members:
        layout.add(iter(()), name, size=size)
    return len(layout), _blocks(storage, members)


def _blocks(storage: Storage, members: list[Member]) -> Iterator[bytes]:
    """Join the small pieces (headers), pass the large ones on."""
    small: list[bytes] = []
    collected = 0
    with ExitStack() as stack:
        stream = ZipStream(compress_type=ZIP_STORED, sized=True)
        for name, content, size in members:
            whole = iter((content,)) if isinstance(content, bytes) else _content(storage, content, stack)
            stream.add(whole, name, size=size)
        for piece in stream:
            small.append(piece)
            collected += len(piece)
            if collected >= _BLOCK:
                yield b"".join(small)
                small, collected = [], 0
    if small:
        yield b"".join(small)


def _content(storage: Storage, key: str, stack: ExitStack) -> Iterator[bytes]:
    if storage.local_path(key) is None:
        return storage.chunks(key)
    file = stack.enter_context(storage.open(key))
    return iter(lambda: file.read(_BLOCK), b"")
