"""The interface of storage, tested on both implementations."""

import hashlib
import io
import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from control.storage import Storage, StorageFull, StorageNotFound, StorageUnavailable, open_storage
from control.storage.local import LocalStorage
from control.storage.objects import ObjectStorage

BODY = os.urandom(3 * 2**20 + 17)


@pytest.fixture(params=["local", "objects"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return LocalStorage(tmp_path / "storage") if request.param == "local" else ObjectStorage(MemoryStore())


def keys(storage: Storage, prefix: str) -> list[str]:
    return sorted(item.key for item in storage.list(prefix))


def test_stored_bytes_are_read_back(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(BODY)
    storage.put_file("a/b/file", source)
    storage.put_stream("a/stream", [BODY[:7], b"", BODY[7:]])
    for key in ("a/b/file", "a/stream"):
        assert b"".join(storage.chunks(key)) == BODY
        assert storage.size(key) == len(BODY)
        assert storage.exists(key)
        storage.download(key, tmp_path / "deep" / "copy")
        assert (tmp_path / "deep" / "copy").read_bytes() == BODY
    assert keys(storage, "a") == ["a/b/file", "a/stream"]
    assert keys(storage, "tmp") == []


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 1), (5, 5), (17, 2**20 + 3), (2**20, None), (len(BODY), None)]
)
def test_a_range_can_be_read(storage: Storage, start: int, stop: int | None) -> None:
    storage.put_stream("x", [BODY])
    assert b"".join(storage.chunks("x", start, stop)) == BODY[start:stop]


def test_an_object_opens_as_a_seekable_file(storage: Storage) -> None:
    storage.put_stream("x", [BODY])
    with storage.open("x") as file:
        assert file.seek(-17, io.SEEK_END) == len(BODY) - 17
        assert file.read() == BODY[-17:]
        file.seek(2**20 - 1)
        assert file.read(3) == BODY[2**20 - 1 : 2**20 + 2]


def test_a_stage_is_hashed_read_back_and_published(storage: Storage) -> None:
    with storage.stage() as stage:
        stage.write([BODY[:100], BODY[100:]])
        assert (stage.bytes, stage.sha256) == (len(BODY), hashlib.sha256(BODY).hexdigest())
        with stage.open() as file:
            assert file.read() == BODY
        assert not storage.exists("k")
        stage.commit("k")
    assert b"".join(storage.chunks("k")) == BODY
    assert keys(storage, "tmp") == []


def test_a_local_file_is_synced_before_its_rename_and_the_rename_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[tuple[str, int]] = []
    fsync, replace = os.fsync, Path.replace

    def recorded_fsync(descriptor: int) -> None:
        fsync(descriptor)
        happened.append(("fsync", os.fstat(descriptor).st_ino))

    def recorded_replace(path: Path, target: Path) -> Path:
        happened.append(("rename", path.stat().st_ino))
        return replace(path, target)

    storage = LocalStorage(tmp_path / "storage")
    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(Path, "replace", recorded_replace)
    storage.put_stream("folder/file", [BODY])
    file = (tmp_path / "storage" / "folder" / "file").stat().st_ino
    folder = (tmp_path / "storage" / "folder").stat().st_ino
    assert happened == [("fsync", file), ("rename", file), ("fsync", folder)]


def test_a_stage_that_is_not_committed_leaves_nothing(storage: Storage) -> None:
    def fail() -> None:
        with storage.stage() as stage:
            stage.write([BODY])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert keys(storage, "tmp") == []


def test_absent_objects_raise_not_found(storage: Storage, tmp_path: Path) -> None:
    assert not storage.exists("nothing")
    storage.delete("nothing")
    storage.delete_prefix("nothing")
    assert keys(storage, "nothing") == []
    for ask in (storage.size, lambda key: list(storage.chunks(key)), storage.open):
        with pytest.raises(StorageNotFound):
            ask("nothing")
    with pytest.raises(StorageNotFound):
        storage.download("nothing", tmp_path / "copy")
    assert list(tmp_path.glob("*copy*")) == []


def test_a_prefix_ends_at_a_slash(storage: Storage) -> None:
    for key in ("a/1", "a/b/2", "ab/3"):
        storage.put_stream(key, [b"x"])
    assert keys(storage, "a") == ["a/1", "a/b/2"]
    storage.delete_prefix("a")
    assert keys(storage, "a") == []
    assert keys(storage, "ab") == ["ab/3"]


def test_storing_again_replaces_the_object(storage: Storage) -> None:
    storage.put_stream("x", [b"one"])
    storage.put_stream("x", [b"two"])
    assert b"".join(storage.chunks("x")) == b"two"


def test_the_sweep_removes_old_temporary_objects(storage: Storage) -> None:
    storage.put_stream("kept/x", [b"x"])
    stage = storage.stage()
    stage.write([b"half"])
    stage.open().close()
    assert storage.sweep(timedelta(hours=1)) == 0
    a_second_from_now = timedelta(seconds=-1)
    assert storage.sweep(a_second_from_now) == 1
    assert keys(storage, "tmp") == []
    assert storage.exists("kept/x")
    stage.discard()


def test_check_passes_on_a_working_storage(storage: Storage) -> None:
    storage.check()


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../../x"])
def test_no_key_leads_outside_the_directory(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="no storage key"):
        LocalStorage(tmp_path).size(key)


def test_a_root_that_is_no_directory_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    storage = LocalStorage(tmp_path / "file")
    with pytest.raises(StorageUnavailable):
        storage.check()
    with pytest.raises(StorageUnavailable):
        storage.stage()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    where = tmp_path / "tiny"
    where.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", where], check=False, capture_output=True, text=True
    )
    if mount.returncode:
        pytest.skip(f"needs the right to mount: {mount.stderr.strip()}")
    yield where
    subprocess.run(["umount", where], check=True)


def test_a_full_disk_keeps_nothing(tiny_disk: Path, tmp_path: Path) -> None:
    storage = LocalStorage(tiny_disk)
    storage.put_stream("small", [b"x" * 1000])
    with pytest.raises(StorageFull):
        storage.put_stream("large", [BODY])
    source = tmp_path / "source"
    source.write_bytes(BODY)
    with pytest.raises(StorageFull):
        storage.put_file("large", source)
    assert [path.name for path in tiny_disk.rglob("*") if path.is_file()] == ["small"]


def test_storages_are_opened_by_url(tmp_path: Path) -> None:
    opened = open_storage(f"file://{tmp_path}/with%20space")
    assert isinstance(opened, LocalStorage)
    assert opened.root == tmp_path / "with space"
    for wrong in ("", "/plain", "file://relative/path", "ftp://x/y", "s3://"):
        with pytest.raises(ValueError, match="STORAGE_URL"):
            open_storage(wrong)
