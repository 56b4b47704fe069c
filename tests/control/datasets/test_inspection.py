"""What reads uploads, and what becomes of it when the upload does not want to be read."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import psutil
import pytest

from api.catalog import TITLES
from control.datasets.inspection import SMALL, inspect
from control.errors import Invalid
from control.storage.local import LocalStage, LocalStorage
from core.formats import FormatErrorCode

MODULE = "control.datasets.inspection"


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "storage")


def staged(storage: LocalStorage, body: bytes) -> LocalStage:
    stage = storage.stage()
    stage.write([body])
    return stage


def test_a_child_finds_what_this_process_finds(storage: LocalStorage) -> None:
    url = f"file://{storage.root}"
    row = b'{"text": "a document of some length"}\n'
    with staged(storage, row) as small, staged(storage, row * (SMALL // len(row) + 2)) as large:
        here = inspect(small, url, "a.jsonl", None)
        there = inspect(large, url, "a.jsonl", None)
    assert here.keys() == there.keys()
    assert here["documents"] == 1
    assert there["documents"] == SMALL // len(row) + 2
    assert here["preview"][0] == there["preview"][0]
    assert (here["kind"], there["kind"]) == ("jsonl", "jsonl")


def test_a_child_tells_what_is_wrong(storage: LocalStorage) -> None:
    with staged(storage, b"PAR1") as stage, pytest.raises(Invalid) as caught:
        inspect(stage, f"file://{storage.root}", "\u00fc.parquet", None)
    assert caught.value.code == "bad_parquet"
    assert "\u00fc.parquet" in caught.value.detail


def test_a_child_is_told_the_column(storage: LocalStorage) -> None:
    table = b"title,body\n" + b"A,text\n" * SMALL
    with staged(storage, table) as stage:
        found = inspect(stage, f"file://{storage.root}", "t.csv", "body")
    assert found["text_column"] == "body"


def test_a_file_that_ends_its_reader_ends_nothing_else(storage: LocalStorage) -> None:
    with staged(storage, b"x") as stage:
        # In the place of the file a pipe that nobody writes to: the child waits until it is killed.
        path = storage.root / stage.key
        path.unlink()
        os.mkfifo(path)
        with ThreadPoolExecutor(1) as thread:
            waiting = thread.submit(inspect, stage, f"file://{storage.root}", "a.parquet", None)
            _reader(path).kill()
            with pytest.raises(Invalid) as caught:
                waiting.result()
    assert caught.value.code == "unreadable_file"


def _reader(path: Path) -> psutil.Process:
    """The child that reads the object, once it is there."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in psutil.Process().children():
            if child.status() != psutil.STATUS_ZOMBIE and f"tmp/{path.name}" in child.cmdline():
                return child
        threading.Event().wait(0.01)
    raise AssertionError("no child reads the upload")


def test_every_code_of_a_file_has_its_title() -> None:
    assert set(get_args(FormatErrorCode)) <= set(TITLES)
