"""The inspection of uploads, and its result for malicious files."""

import contextlib
import gzip
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import MemoryStore
from PIL import Image

from api.problem_types import TITLES
from control.datasets.inspection import inspect, is_quick, sheet
from control.errors import Invalid
from control.inspection import running
from control.inspection.budgets import QUICK_BYTES, Budget, budget_for
from control.inspection.running import Handle, InputFile, InspectionStoppedError
from control.inspection.server import InspectionServer
from control.storage import Stage, Storage, StorageFull
from control.storage.local import LocalStorage
from control.storage.objects import ObjectStorage
from core.formats import FormatErrorCode
from core.formats.tables.reading import ReadingOptions

GENEROUS = budget_for(0)
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "aws-secret",
    "DATABASE_URL": "postgresql://secret@db/seedbed",
    "SEEDBED_SECRET": "seedbed-secret",
    "STORAGE_URL": "s3://bucket/secret",
}


@pytest.fixture(scope="module")
def server() -> Iterator[InspectionServer]:
    with contextlib.closing(InspectionServer()) as server, pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        server.start()
        yield server


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "storage")


def staged(storage: Storage, body: bytes) -> Stage:
    stage = storage.stage()
    stage.write([body])
    return stage


def test_a_text_file_is_inspected(server: InspectionServer, storage: LocalStorage) -> None:
    row = b'{"text": "a document of some length"}\n'
    with staged(storage, row * 3) as stage:
        found = inspect(server, stage, "a.jsonl")
    assert (found.report["kind"], found.report["documents"], found.report["samples"]) == ("jsonl", 3, 3)
    assert found.examples == {"documents": [{"text": "a document of some length", "characters": 25}] * 3}
    assert not {"examples", "preview", "thumbnails"} & found.report.keys()


def test_images_are_inspected_and_drawn_as_a_contact_sheet(
    server: InspectionServer, storage: LocalStorage
) -> None:
    out = io.BytesIO()
    Image.new("RGB", (300, 200), (3, 200, 9)).save(out, "PNG")
    with staged(storage, out.getvalue()) as stage:
        found = inspect(server, stage, "a.png", modality="image")
    assert found.report["sizes"] == [[300, 200, 1]]
    (thumbnail,) = found.examples["thumbnails"]
    drawn = Image.open(io.BytesIO(sheet(server, "image", [thumbnail] * 3, 2)))
    assert drawn.size == (130, 130)


def test_a_file_in_a_bucket_is_read_by_the_parent(server: InspectionServer) -> None:
    """The child gets bytes, and no address or credential of the bucket. Parquet is read from its end."""
    table = pa.table({"text": [f"document {number} " + "x" * 997 for number in range(5000)]})
    out = io.BytesIO()
    pq.write_table(table, out, compression="none", use_dictionary=False)
    assert out.tell() > 4 << 20
    with staged(ObjectStorage(MemoryStore()), out.getvalue()) as stage:
        found = inspect(server, stage, "a.parquet")
        assert (found.report["documents"], found.report["bytes"]) == (5000, out.tell())


def test_errors_of_the_child_are_raised_in_the_parent(
    server: InspectionServer, storage: LocalStorage
) -> None:
    with staged(storage, b"PAR1") as stage, pytest.raises(Invalid) as caught:
        inspect(server, stage, "\u00fc.parquet")
    assert (caught.value.code, caught.value.param) == ("bad_parquet", "file")
    assert "\u00fc.parquet" in caught.value.detail


def test_a_child_that_ends_while_the_request_is_sent_is_reported(
    server: InspectionServer, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file is read in milliseconds; on a busy machine the response arrives before the request is completely sent."""
    send = socket.send_fds

    def send_and_be_late(connection: socket.socket, *arguments: Any) -> int:
        count = send(connection, *arguments)
        closed = select.poll()
        closed.register(connection, 0)  # waits until the other end closes
        assert closed.poll(60_000)
        return count

    monkeypatch.setattr(running.socket, "send_fds", send_and_be_late)
    with staged(storage, b"PAR1") as stage, pytest.raises(Invalid) as caught:
        inspect(server, stage, "small.parquet")
    assert caught.value.code == "bad_parquet"


def test_reading_options_are_passed_to_the_child(server: InspectionServer, storage: LocalStorage) -> None:
    with staged(storage, b"title,body\nA,text\n") as stage:
        found = inspect(server, stage, "t.csv", ReadingOptions("body"))
    assert (found.report["text_column"], found.report["reading"]) == ("body", {"column": "body"})


def test_small_plain_text_does_not_wait_for_a_slot() -> None:
    assert is_quick(QUICK_BYTES, "a.jsonl", "text")
    assert not is_quick(QUICK_BYTES + 1, "a.jsonl", "text")
    for name, modality in (
        ("a.jsonl.gz", "text"),
        ("a.zip", "text"),
        ("a.parquet", "text"),
        ("a.png", "image"),
    ):
        assert not is_quick(8, name, modality)


class TestUnderWay:
    """A child that waits for bytes that are never sent."""

    @pytest.fixture
    def file(self) -> Iterator[Any]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            yield theirs

    @pytest.fixture
    def begun(self, server: InspectionServer, file: Any) -> Iterator[Any]:
        """Begin an inspection: its future, its handle, its process."""
        with ThreadPoolExecutor() as threads:

            def begin(budget: Budget = GENEROUS) -> tuple[Any, Handle, psutil.Process]:
                handle = Handle()
                future = threads.submit(ask, server, "a.txt", InputFile(file, 10), budget, handle)
                return future, handle, child_of(server)

            yield begin

    def test_the_environment_and_arguments_of_a_child_contain_no_secret(self, begun: Any) -> None:
        future, handle, child = begun()
        told = " ".join([*child.environ().values(), *child.environ(), *child.cmdline()])
        assert not [secret for secret in (*SECRETS, *SECRETS.values()) if secret in told]
        handle.stop()
        with pytest.raises(InspectionStoppedError):
            future.result()

    def test_a_child_leads_a_process_group_and_has_only_the_descriptor_of_the_file(self, begun: Any) -> None:
        future, handle, child = begun()
        assert os.getpgid(child.pid) == child.pid
        assert open_files(child) == {"0", "1", "2", "3"}
        handle.stop()
        with pytest.raises(InspectionStoppedError):
            future.result()

    def test_a_stopped_inspection_is_killed(self, begun: Any) -> None:
        future, handle, child = begun()
        handle.stop()
        with pytest.raises(InspectionStoppedError):
            future.result()
        child.wait(timeout=30)

    def test_an_inspection_stopped_before_its_start_does_not_start(
        self, server: InspectionServer, file: Any
    ) -> None:
        handle = Handle()
        handle.stop()
        with pytest.raises(InspectionStoppedError):
            ask(server, "a.txt", InputFile(file, 10), GENEROUS, handle)

    def test_a_file_that_crashes_its_reader_affects_nothing_else(self, begun: Any) -> None:
        future, _, child = begun()
        child.send_signal(signal.SIGSEGV)
        with pytest.raises(Invalid) as caught:
            future.result()
        assert caught.value.code == "unreadable_file"

    def test_an_inspection_has_a_time_limit(self, begun: Any) -> None:
        future, _, child = begun(Budget(GENEROUS.memory_bytes, 20, 1.5, 1 << 20, 0))
        with pytest.raises(Invalid) as caught:
            future.result()
        assert caught.value.code == "inspection_budget"
        assert "2 seconds" in caught.value.detail
        child.wait(timeout=30)

    def test_an_inspection_ends_with_its_server(self, begun: Any, server: InspectionServer) -> None:
        future, _, child = begun()
        assert server.pid
        first = server.pid
        os.kill(first, signal.SIGKILL)
        child.wait(timeout=30)
        # The request is repeated on a new server.
        again = child_of(server)
        assert server.pid != first
        again.send_signal(signal.SIGSEGV)
        with pytest.raises(Invalid):
            future.result()


class TestBudgets:
    def over(self, server: InspectionServer, stage: Stage, budget: Budget, name: str, **request: Any) -> str:
        with stage, stage.open() as file, pytest.raises(Invalid) as caught:
            ask(server, name, InputFile(file, stage.bytes), budget, **request)
        assert caught.value.code == "inspection_budget"
        assert name in caught.value.detail
        return caught.value.detail

    def test_processor_time_is_limited(self, server: InspectionServer, storage: LocalStorage) -> None:
        budget = Budget(GENEROUS.memory_bytes, 1, 600.0, 1 << 30, 0)
        stage = storage.stage()
        stage.write(
            [(json.dumps({"text": f"\u00e9{number}"}) + "\n").encode() for number in range(2_000_000)]
        )
        assert "1 seconds of processor time" in self.over(server, stage, budget, "a.jsonl")

    def test_memory_is_limited(self, server: InspectionServer, storage: LocalStorage) -> None:
        budget = Budget(200 << 20, 60, 600.0, 1 << 30, 0)
        out = io.BytesIO()
        # Decoded, its pixels alone take 244 MiB at four bytes each, which exceeds the budget however it is resized.
        Image.new("RGB", (8000, 8000)).save(out, "PNG")
        image = staged(storage, out.getvalue())
        assert "200 MiB of memory" in self.over(server, image, budget, "a.png", modality="image")
        one_line = staged(storage, b'{"text": "' + b"x" * (60 << 20) + b'"}')
        assert "200 MiB of memory" in self.over(server, one_line, budget, "a.jsonl")

    def test_the_size_of_a_temporary_file_is_limited(
        self, server: InspectionServer, storage: LocalStorage
    ) -> None:
        out = io.BytesIO()
        pq.write_table(pa.table({"text": [os.urandom(500).hex() for _ in range(3000)]}), out)
        packed = staged(storage, gzip.compress(out.getvalue()))
        budget = Budget(GENEROUS.memory_bytes, 60, 600.0, 1 << 20, 0)
        assert "1 MiB in a temporary file" in self.over(server, packed, budget, "a.parquet.gz")

    def test_the_size_of_an_answer_is_limited(
        self, server: InspectionServer, storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("control.inspection.conversation.LARGEST_ANSWER", 1000)
        with staged(storage, b"text " * 1000) as stage, pytest.raises(Invalid) as caught:
            inspect(server, stage, "a.txt")
        assert caught.value.code == "unreadable_file"

    def test_larger_files_get_more_time_and_bounded_memory(self) -> None:
        small, large = budget_for(1000), budget_for(100_000_000)
        assert small.cpu_seconds <= 30
        assert large.cpu_seconds == 220
        assert small.memory_bytes < large.memory_bytes < 10**9
        assert budget_for(10**12).memory_bytes < 3 << 30


def test_a_full_disk_is_reported() -> None:
    with pytest.raises(StorageFull):
        running._settled({"full": True}, GENEROUS, "a")


def test_an_error_in_a_reader_is_not_reported_as_an_error_in_the_file(
    server: InspectionServer, storage: LocalStorage
) -> None:
    with (
        staged(storage, b"text") as stage,
        stage.open() as file,
        pytest.raises(RuntimeError, match="unknown task"),
    ):
        running.run(server, {"task": "unknown"}, InputFile(file, 4), GENEROUS, name="a")


def test_a_closed_server_stays_closed() -> None:
    server = InspectionServer()
    server.start()
    process = psutil.Process(server.pid)
    server.close()
    assert not process.is_running()
    with pytest.raises(RuntimeError):
        server.connect()


def test_the_server_dies_with_the_process_that_started_it() -> None:
    program = (
        "import sys; from control.inspection.server import InspectionServer; server = InspectionServer()\n"
        "server.start(); print(server.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        server = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        server.wait(timeout=60)


def test_every_code_of_a_file_has_its_title() -> None:
    assert set(get_args(FormatErrorCode)) <= set(TITLES)


def ask(
    server: InspectionServer,
    name: str,
    lent: InputFile,
    budget: Budget,
    handle: Handle | None = None,
    **more: Any,
) -> Any:
    request = {"task": "inspect", "name": name, "modality": "text", "reading": {}} | more
    return running.run(server, request, lent, budget, name=name, handle=handle)


def child_of(server: InspectionServer) -> psutil.Process:
    """Wait for the server's child that runs the inspection."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(server.pid).children()
            for child in children:
                if child.status() != psutil.STATUS_ZOMBIE and len(open_files(child)) == 4:
                    return child
        threading.Event().wait(0.01)
    raise AssertionError("nothing is read")


def open_files(process: psutil.Process) -> set[str]:
    """Open descriptors of a process."""
    return {path.name for path in Path(f"/proc/{process.pid}/fd").iterdir()}
