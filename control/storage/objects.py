"""Storage in a bucket, through obstore."""

import io
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

import obstore
from obstore.store import ObjectStore
from ulid import ULID

from control.storage.base import CHUNK, TEMPORARY, Stage, Storage, StoredObject
from control.storage.errors import StorageNotFound, as_storage_errors

_PART = 16 << 20
"""Bytes of one part of a multipart upload. S3 takes 10,000 parts, so this reaches 156 GiB."""
_COPY_LIMIT = 5 << 30
"""S3 copies at most this much in one request."""


class ObjectStorage(Storage):
    """Objects in an obstore ``ObjectStore``."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def stage(self) -> "ObjectStage":
        return ObjectStage(self._store)

    def open(self, key: str) -> BinaryIO:
        with as_storage_errors(key):
            return _seekable(self._store, key)

    def chunks(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        with as_storage_errors(key):
            end = obstore.head(self._store, key)["size"] if stop is None else stop
            if start >= end:
                return
            answer = obstore.get(self._store, key, options={"range": (start, end)})
            for chunk in answer.stream(min_chunk_size=CHUNK):
                yield bytes(chunk)

    def local_path(self, key: str) -> None:  # noqa: ARG002 - the port's signature
        return None

    def size(self, key: str) -> int:
        with as_storage_errors(key):
            return int(obstore.head(self._store, key)["size"])

    def delete(self, key: str) -> None:
        self._delete([key])

    def delete_prefix(self, prefix: str) -> None:
        self._delete([item.key for item in self.list(prefix)])

    def _delete(self, keys: list[str]) -> None:
        with suppress(StorageNotFound), as_storage_errors():
            obstore.delete(self._store, keys)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        with as_storage_errors(prefix):
            for page in obstore.list(self._store, prefix):
                for meta in page:
                    yield StoredObject(meta["path"], meta["size"], meta["last_modified"])

    def check(self) -> None:
        with as_storage_errors():
            next(iter(obstore.list(self._store, TEMPORARY, chunk_size=1)), None)

    def free_bytes(self) -> None:
        return None

    def sweep(self, older_than: timedelta) -> int:
        latest = datetime.now(UTC) - older_than
        stale = [item.key for item in self.list(TEMPORARY) if item.modified < latest]
        self._delete(stale)
        return len(stale)


class ObjectStage(Stage):
    """A temporary object, copied within the bucket when its key is known."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(f"{TEMPORARY}/{str(ULID()).lower()}")
        self._store = store
        with as_storage_errors():
            self._writer = obstore.open_writer(store, self.key, buffer_size=_PART, max_concurrency=2)

    def _append(self, chunks: Iterable[bytes]) -> None:
        with as_storage_errors():
            for chunk in chunks:
                self._writer.write(chunk)

    def _reopen(self) -> BinaryIO:
        with as_storage_errors():
            return _seekable(self._store, self.key)

    def finish(self) -> None:
        if not self._writer.closed():
            with as_storage_errors():
                self._writer.close()

    def _publish(self, key: str) -> None:
        self.finish()
        with as_storage_errors(key):
            if self.bytes <= _COPY_LIMIT:
                obstore.copy(self._store, self.key, key)
            else:
                whole = obstore.get(self._store, self.key).stream(min_chunk_size=_PART)
                obstore.put(self._store, key, whole, chunk_size=_PART, max_concurrency=2)
            obstore.delete(self._store, self.key)

    def _remove(self) -> None:
        # obstore cannot abort a multipart upload by name; completed and deleted, it leaves nothing.
        self.finish()
        with as_storage_errors():
            obstore.delete(self._store, self.key)


class _ObjectFile(io.RawIOBase):
    """obstore's reader with the interface of the standard library's files."""

    def __init__(self, reader: "obstore.ReadableFile") -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        data = self._reader.read(len(buffer))
        buffer[: len(data)] = memoryview(data)
        return len(data)


def _seekable(store: ObjectStore, key: str) -> BinaryIO:
    return io.BufferedReader(_ObjectFile(obstore.open_reader(store, key, buffer_size=CHUNK)))
