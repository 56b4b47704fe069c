"""The machine's cache: complete files only, one fetch for concurrent requests, and nothing in use is removed."""

import hashlib
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from control.storage import open_storage
from worker.cache import Cache
from worker.staging import DamagedError, fetch, inside, link_tree

CONTENT = b"bytes of a dataset " * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", 10**9)


def write(path: Path) -> None:
    path.write_bytes(CONTENT)


def test_concurrent_requests_for_a_file_fetch_it_once(cache: Cache) -> None:
    fetched = []
    together = threading.Barrier(8)

    def fill(path: Path) -> None:
        fetched.append(path)
        write(path)

    def want(_: int) -> Path:
        together.wait()
        return cache.object(SHA256, len(CONTENT), fill)

    with ThreadPoolExecutor(8) as threads:
        paths = set(threads.map(want, range(8)))

    (path,) = paths
    assert len(fetched) == 1
    assert path.read_bytes() == CONTENT
    assert path.stat().st_mode & 0o222 == 0, "nobody writes into it"


def test_a_fetch_that_failed_leaves_nothing_and_the_next_one_succeeds(cache: Cache) -> None:
    def cut_off(path: Path) -> None:
        path.write_bytes(CONTENT[:10])
        raise ConnectionError

    with pytest.raises(ConnectionError):
        cache.object(SHA256, len(CONTENT), cut_off)
    assert [path for path in (cache.directory / "objects").rglob("*") if path.is_file()] == []
    assert cache.object(SHA256, len(CONTENT), write).read_bytes() == CONTENT


def test_a_file_of_another_size_is_fetched_anew(cache: Cache) -> None:
    path = cache.object(SHA256, len(CONTENT), write)
    path.chmod(0o600)
    path.write_bytes(b"cut")
    assert cache.object(SHA256, len(CONTENT), write).read_bytes() == CONTENT


def test_the_least_recently_used_file_is_removed_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 2500)
    paths = []
    for number in range(3):
        content = bytes([number]) * 1000
        name = hashlib.sha256(content).hexdigest()
        paths.append(cache.object(name, 1000, lambda path, content=content: path.write_bytes(content)))
    for age, path in zip((30, 10, 20), paths, strict=True):
        moment = path.stat().st_mtime - age
        os.utime(path, (moment, moment))

    cache.trim()
    assert [path.exists() for path in paths] == [False, True, True]
    cache.trim(1000)
    assert [path.exists() for path in paths] == [False, True, False]


def test_prepared_data_in_use_are_never_dropped(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1)
    with cache.prepared("key") as directory:
        (directory / "tokens.bin").write_bytes(CONTENT)
        Cache(cache.directory, 1).trim()
        assert (directory / "tokens.bin").read_bytes() == CONTENT
    cache.trim()
    assert not directory.exists()


def test_the_directory_of_a_run_is_removed_also_after_a_kill(cache: Cache) -> None:
    with cache.run("job-1") as directory:
        (directory / "file").touch()
        cache.sweep()
        assert directory.exists(), "its lock is held"
    assert not directory.exists()

    context = multiprocessing.get_context("spawn")
    begun = context.Event()
    process = context.Process(target=_run_forever, args=(cache.directory, begun))
    process.start()
    assert begun.wait(60)
    process.kill()
    process.join()
    assert (cache.directory / "runs" / "job-2").exists()
    cache.sweep()
    assert list((cache.directory / "runs").iterdir()) == []


def _run_forever(directory: Path, begun: Event) -> None:
    with Cache(directory, 1).run("job-2"):
        begun.set()
        threading.Event().wait()


def test_a_staged_file_does_not_change_with_the_stored_one(tmp_path: Path) -> None:
    storage = open_storage((tmp_path / "storage").as_uri())
    storage.put_stream("blob", [CONTENT])
    stored = storage.local_path("blob")
    assert stored is not None
    staged = tmp_path / "staged"
    fetch(storage, "blob", staged, sha256=SHA256, abort_check=lambda: None)
    with stored.open("r+b") as file:
        file.write(b"changed")
    assert staged.read_bytes() == CONTENT


def test_content_with_another_hash_is_damaged_and_leaves_no_file(tmp_path: Path) -> None:
    storage = open_storage((tmp_path / "storage").as_uri())
    storage.put_stream("blob", [CONTENT + b"!"])
    with pytest.raises(DamagedError, match="blob"):
        fetch(storage, "blob", tmp_path / "staged", sha256=SHA256, abort_check=lambda: None)
    assert not (tmp_path / "staged").exists()


def test_a_long_copy_can_be_aborted(tmp_path: Path) -> None:
    storage = open_storage((tmp_path / "storage").as_uri())
    storage.put_stream("blob", [CONTENT])
    object.__setattr__(storage, "local_path", lambda _: None)

    def impatient() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fetch(storage, "blob", tmp_path / "staged", sha256=SHA256, abort_check=impatient)
    assert not (tmp_path / "staged").exists()


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", ""])
def test_a_name_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DamagedError):
        inside(tmp_path, name)


def test_a_linked_tree_outlives_the_original(tmp_path: Path) -> None:
    source = tmp_path / "step-1"
    (source / "trainer").mkdir(parents=True)
    (source / "trainer" / "state.json").write_text("{}")
    link_tree(source, tmp_path / "copy")
    (source / "trainer" / "state.json").unlink()
    assert (tmp_path / "copy" / "trainer" / "state.json").read_text() == "{}"
