"""Preparing in several processes, with and without kills: the bytes are the same, and no process remains."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.data import DataError, DataFile
from core.data.locks import locked
from core.data.text import preparation, prepare
from core.spec.data import DataSpec
from tests.core.text_specs import SMALL, TAIL, Written, content


def start(
    corpus: list[DataFile], cache: Path, on_progress: str, processes: int = 1, before: str = ""
) -> subprocess.Popen[str]:
    """Start a process that prepares ``corpus`` and prints whether it was prepared already."""
    program = f"""
import os, signal, sys
from pathlib import Path
from core.data import data_files
from core.data.text import prepare
from core.spec.data import DataSpec
{before}
spec = DataSpec.model_validate_json({SMALL.model_dump_json()!r})
files = data_files([Path({str(corpus[0].path)!r})])
print("ready", flush=True)
print(prepare(files, spec, Path({str(cache)!r}), on_progress={on_progress}, processes={processes}).cached)
"""
    return subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_two_concurrent_processes_prepare_the_same_data(corpus: list[DataFile], tmp_path: Path):
    # The first process works and waits for a message; the second asks for the same key meanwhile.
    wait = (
        "lambda *_: (print('begun', flush=True), sys.stdin.readline()) if _[:2] == ('reading', 0) else None"
    )
    first = start(corpus, tmp_path, wait)
    assert [first.stdout.readline(), first.stdout.readline()] == ["ready\n", "begun\n"]
    second = start(corpus, tmp_path, "None")
    assert second.stdout.readline() == "ready\n"
    assert first.communicate("go\n", timeout=60)[0] == "False\n"
    assert second.communicate(timeout=60)[0] == "True\n"
    assert not list(tmp_path.glob("*.partial"))


def test_what_a_killed_preparation_leaves_is_removed_when_it_is_old(
    corpus: list[DataFile], written: Written, tmp_path: Path
):
    cache = tmp_path / "cache"
    child = start(
        corpus, cache, "lambda *_: os.kill(os.getpid(), signal.SIGKILL) if _[0] == 'tokenizing' else None"
    )
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    (left,) = cache.glob("*.partial")
    assert not (cache / left.stem).exists()
    other = written(a__jsonl='{"text": "one"}\n{"text": "two"}\n')
    prepare(other, DataSpec(held_out_fraction=0.3), cache)
    assert left.exists()  # another process may resume it
    os.utime(left, (0, 0))
    with locked(cache / f"{left.stem}.lock"):
        prepare(other, SMALL, cache)
        assert left.exists()  # the process that made it may be running
    prepare(other, DataSpec(), cache)
    assert not left.exists()
    assert not prepare(corpus, SMALL, cache).cached


# The phase, and how much of it is done, when the preparation is killed.
KILLS = [
    ("reading", 0),
    ("training_tokenizer", 0),
    ("training_tokenizer", 1),
    ("tokenizing", 0),
    ("tokenizing", 60_000),
]


@pytest.mark.parametrize("spec", [SMALL, TAIL])
def test_a_killed_preparation_is_resumed(
    corpus: list[DataFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: DataSpec
):
    monkeypatch.setattr("core.data.text.encode.BATCH_CHARACTERS", 20_000)
    monkeypatch.setattr("core.data.text.documents.PIECE_CHARACTERS", 3_000)
    monkeypatch.setattr("core.data.progress._SECONDS", 0.0)
    monkeypatch.setattr(preparation, "RECORD_CHARACTERS", 25_000)
    straight = prepare(corpus, spec, tmp_path / "straight")
    told: list[tuple[str, int]] = []
    for kill in KILLS:

        def progress(phase: str, done: int, _: int | None, __: str, kill: tuple[str, int] = kill) -> None:
            told.append((phase, done))
            if phase == kill[0] and done >= kill[1]:
                os._exit(9)

        if pid := os.fork():
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
        else:
            prepare(corpus, spec, tmp_path / "killed", on_progress=progress)
            os._exit(0)
    killed = prepare(
        corpus, spec, tmp_path / "killed", on_progress=lambda phase, done, *_: told.append((phase, done))
    )
    assert content(killed.directory) == content(straight.directory)
    assert {phase for phase, _ in told} == {"tokenizing"}  # the last attempt did not repeat a finished stage
    assert told[1][1] >= 25_000  # nor the recorded part of this stage


@pytest.mark.parametrize("spec", [SMALL, TAIL])
def test_the_number_of_processes_changes_nothing(
    corpus: list[DataFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: DataSpec
):
    monkeypatch.setattr("core.data.text.encode.BATCH_CHARACTERS", 20_000)
    one, three = (prepare(corpus, spec, tmp_path / str(n), processes=n) for n in (1, 3))
    assert content(one.directory) == content(three.directory)


def test_tokenizing_processes_die_with_the_one_that_started_them(corpus: list[DataFile], tmp_path: Path):
    told = "lambda *_: (print('begun', flush=True), sys.stdin.readline()) if _[0] == 'tokenizing' and _[1] else None"
    # The message comes after the first of many batches, while both processes still have some to do.
    often = (
        "import core.data.progress, core.data.text.encode\n"
        "core.data.progress._SECONDS, core.data.text.encode.BATCH_CHARACTERS = 0.0, 2_000"
    )
    parent = start(corpus, tmp_path, told, processes=2, before=often)
    with parent:
        while parent.stdout.readline() != "begun\n":
            pass
        children = psutil.Process(parent.pid).children()
        assert len(children) == 2
        parent.kill()
    assert not psutil.wait_procs(children, timeout=30)[1]


def test_the_death_of_a_tokenizing_process_is_reported(
    corpus: list[DataFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("core.data.text.encode.BATCH_CHARACTERS", 2_000)

    # This process has other children too: servers that tests share.
    others = set(psutil.Process().children())

    def progress(phase: str, done: int, *_: object) -> None:
        if phase == "tokenizing" and done:
            for child in set(psutil.Process().children()) - others:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()

    monkeypatch.setattr("core.data.progress._SECONDS", 0.0)
    with pytest.raises(MemoryError):
        prepare(corpus, SMALL, tmp_path, on_progress=progress, processes=2)
    assert not set(psutil.Process().children()) - others


def test_a_preparation_that_fails_leaves_nothing(written: Written, tmp_path: Path):
    cache = tmp_path / "cache"
    with pytest.raises(DataError):
        prepare(written(a__txt="alone"), SMALL, cache)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]
