"""A job's inputs are hashed once on their way from storage to the engine, and damaged inputs never reach it."""

import hashlib
import io
import json
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from control.checkpoints.repository import CheckpointRef
from control.db import create_engine
from control.scheduling.claims import Claim, ClaimedFile
from control.settings import Settings
from control.storage import open_storage
from core.checkpoints.manifest import MANIFEST
from core.commands.cli import main
from tests.core.checkpoints.before.make import AT, HERE, write_data
from worker.cache import Cache
from worker.device import Machine
from worker.engine import PreloadedServer
from worker.resources import WorkerResources
from worker.tracking.attempt import Tracking
from worker.workspace import StagingError, Workspace

CASE = "rotation"


class Counting:
    """A hash that counts which contents are hashed."""

    def __init__(self, seen: Counter[str], content: bytes = b"") -> None:
        self._seen = seen
        self._hash = _SHA256(content)

    def update(self, content: bytes) -> None:
        self._hash.update(content)

    def hexdigest(self) -> str:
        digest: str = self._hash.hexdigest()
        self._seen[digest] += 1
        return digest

    def digest(self) -> bytes:
        return self._hash.digest()


_SHA256, _FILE_DIGEST = hashlib.sha256, hashlib.file_digest


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each content was hashed, by its sha256."""
    seen: Counter[str] = Counter()

    def file_digest(file: Any, name: str) -> Any:
        done = _FILE_DIGEST(file, name)
        seen[done.hexdigest()] += 1
        return done

    monkeypatch.setattr(hashlib, "sha256", lambda content=b"": Counting(seen, content))
    monkeypatch.setattr(hashlib, "file_digest", file_digest)
    return seen


@pytest.fixture(autouse=True)
def _torch_as_it_was() -> Iterator[None]:
    """Restores torch's settings, which the engine changes in this process."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


class Place:
    """A worker's directories and a storage with a dataset and a checkpoint."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.storage = open_storage(f"file://{directory / 'storage'}")
        # No test here reaches the database or starts a server.
        self.resources = WorkerResources(
            settings=Settings.model_construct(),
            machine=Machine("here", "cpu", "cpu", 2**30, 1, "0"),
            database=create_engine("postgresql://nobody@localhost/none", application="none", pool_size=1),
            storage=self.storage,
            cache=Cache(directory / "cache", 10**9),
            engines=PreloadedServer(directory, {}, module="core"),
            tracking=Tracking((), seconds=1.0),
        )
        folder = directory / "data"
        folder.mkdir()
        content = write_data(CASE, folder).read_bytes()
        shutil.rmtree(folder)
        self.files = [self._file("samples.zip", content), self._file("more.zip", _one_picture())]
        checkpoint = directory / "checkpoint"
        with zipfile.ZipFile(HERE / f"{CASE}.zip") as archive:
            archive.extractall(checkpoint)
        for path in checkpoint.rglob("*"):
            if path.is_file():
                self.storage.put_file(f"checkpoint/{path.relative_to(checkpoint).as_posix()}", path)
        manifest = (checkpoint / MANIFEST).read_bytes()
        digest = _SHA256(manifest).hexdigest()
        self.checkpoint = CheckpointRef("ckpt_1", "job_1", 1, AT, "checkpoint", json.loads(manifest), digest)
        self.spec = json.loads((checkpoint / "trainer/state.json").read_text())["spec"]
        # Outputs are hashed too, and are not counted.
        self.spec["training"]["steps"] = AT
        shutil.rmtree(checkpoint)

    def _file(self, name: str, content: bytes) -> ClaimedFile:
        digest = _SHA256(content).hexdigest()
        self.storage.put_stream(f"blobs/{digest}", [content])
        return ClaimedFile(name, digest, len(content), f"blobs/{digest}")

    @property
    def inputs(self) -> set[str]:
        """sha256 of everything that a job reads."""
        return {file.sha256 for file in self.files} | {f["sha256"] for f in self.checkpoint.manifest["files"]}

    @contextmanager
    def staged(self, name: str, purpose: Any = "train", **options: Any) -> Iterator[list[str]]:
        """The engine's arguments for a job."""
        claim = Claim(
            "job_1",
            "prj_1",
            2,
            self.spec,
            tuple(self.files),
            () if purpose in {"preview", "estimate"} else (self.checkpoint,),
            30.0,
            purpose=purpose,
            options=options,
        )
        directory = self.directory / name
        directory.mkdir()
        workspace = Workspace(
            self.resources, claim, directory, abort_check=lambda: None, damaged=lambda step, reason: None
        )
        with workspace.staged() as arguments:
            yield arguments


def _one_picture() -> bytes:
    picture, archive = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (8, 8), (10, 200, 90)).save(picture, "BMP")
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr(zipfile.ZipInfo("0/one.bmp"), picture.getvalue())
    return archive.getvalue()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_run_hashes_each_of_its_inputs_once(place: Place, hashed: Counter[str]) -> None:
    with place.staged("first") as arguments:
        assert main(arguments) == 0
    assert {digest: hashed[digest] for digest in place.inputs} == dict.fromkeys(place.inputs, 1)


def test_a_run_whose_files_are_in_the_cache_hashes_each_once_too(place: Place, hashed: Counter[str]) -> None:
    with place.staged("first"):
        pass
    hashed.clear()
    with place.staged("second") as arguments:
        assert main(arguments) == 0
    assert {digest: hashed[digest] for digest in place.inputs} == dict.fromkeys(place.inputs, 1)


@pytest.mark.parametrize(
    ("purpose", "options"),
    [("preview", {"samples": 2, "step": 1}), ("estimate", {"largest_batch": False})],
    ids=["preview", "estimate"],
)
def test_short_jobs_hash_the_dataset_once(
    place: Place, hashed: Counter[str], purpose: str, options: dict[str, Any]
) -> None:
    with place.staged("one", purpose, **options) as arguments:
        assert main(arguments) == 0
    assert [hashed[file.sha256] for file in place.files] == [1, 1]


def test_an_export_hashes_the_checkpoint_once(place: Place, hashed: Counter[str]) -> None:
    with place.staged("one", "export", format="onnx") as arguments:
        assert "--data" not in arguments, "only a format that rounds is measured on the data"
        assert main(arguments) == 0
    digests = {file["sha256"] for file in place.checkpoint.manifest["files"]}
    assert {digest: hashed[digest] for digest in digests} == dict.fromkeys(digests, 1)


def test_an_export_that_is_measured_gets_the_dataset(place: Place) -> None:
    with place.staged("one", "export", format="onnx_int8") as arguments:
        data = Path(arguments[arguments.index("--data") + 1])
        assert sorted(path.name for path in data.iterdir()) == ["more.zip", "samples.zip"]
        assert arguments[:2] == ["export", str(place.directory / "one" / "checkpoint" / f"step-{AT:08d}")]
    place.files.clear()
    with place.staged("two", "export", format="onnx_int8") as arguments:
        assert "--data" not in arguments, "an uploaded checkpoint has no dataset"


def test_files_of_one_content_are_hashed_once(place: Place, hashed: Counter[str]) -> None:
    place.files.append(ClaimedFile("again.zip", place.files[0].sha256, place.files[0].bytes, "blobs/none"))
    with place.staged("first"):
        pass
    hashed.clear()
    with place.staged("second"):
        assert (place.directory / "second/data/again.zip").stat().st_size == place.files[0].bytes
    assert [hashed[file.sha256] for file in place.files[:2]] == [1, 1]


def test_a_file_that_was_damaged_in_the_cache_is_fetched_again(place: Place) -> None:
    whole, file = place.files[0].sha256, place.files[0]
    with place.staged("first"):
        pass
    cached = place.directory / "cache/objects" / whole[:2] / whole
    cached.chmod(0o600)
    content = cached.read_bytes()
    cached.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with place.staged("second") as arguments:
        staged = place.directory / "second/data" / file.name
        assert _SHA256(staged.read_bytes()).hexdigest() == whole
        assert main(arguments) == 0
    assert _SHA256(cached.read_bytes()).hexdigest() == whole


@pytest.mark.parametrize("cached", [False, True], ids=["in storage", "in cache and storage"])
def test_a_damaged_dataset_never_reaches_the_engine(place: Place, *, cached: bool) -> None:
    file = place.files[0]
    if cached:
        with place.staged("first"):
            pass
        copy = place.directory / "cache/objects" / file.sha256[:2] / file.sha256
        copy.chmod(0o600)
        copy.write_bytes(b"\0" * file.bytes)
    stored = place.storage.local_path(file.object_key)
    assert stored is not None
    stored.chmod(0o600)
    stored.write_bytes(b"\0" * file.bytes)
    with pytest.raises(StagingError) as refused, place.staged("second"):
        pass
    assert refused.value.failure.code == "dataset_damaged"


def test_a_checkpoint_that_was_cut_after_it_was_staged_is_refused(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    with place.staged("one") as arguments:
        staged = Path(arguments[arguments.index("--resume") + 1]) / "model.safetensors"
        staged.write_bytes(staged.read_bytes()[:-1])
        assert main(arguments) == 65
    assert "bytes where its manifest says" in capfd.readouterr().err
