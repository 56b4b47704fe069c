"""A checkpoint is downloaded completely, as its manifest says, or not at all."""

import json
import os
from pathlib import Path

import pytest
import seedbed
from seedbed import downloads
from seedbed.models import CheckpointFile

from tests.client.conftest import Service, Trainer
from tests.client.faulty_proxy import Fault, FaultyProxy

MODEL = os.urandom(3 * 2**20 + 17)
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": MODEL,
    "trainer/optimizer.safetensors": os.urandom(100_000),
    "trainer/state.json": b"",
}
TO_MODEL = b"/files/model.safetensors"


@pytest.fixture
def checkpoint(trainer: Trainer, job: str) -> str:
    """A checkpoint of a few megabytes."""
    return trainer.checkpoint(1, FILES).id


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty directory."""
    place = tmp_path / "place"
    place.mkdir()
    return place


def contents(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def of(directory: Path) -> dict[str, bytes]:
    """The downloaded files without the model card and the manifest, which must match them."""
    found = contents(directory)
    assert found.pop("README.md").startswith(b"---\n")
    manifest = json.loads(found.pop("manifest.json"))
    assert {file["path"]: file["bytes"] for file in manifest["files"]} == {
        k: len(v) for k, v in found.items()
    }
    return found


def gets(proxy: FaultyProxy) -> list[bytes]:
    return [request.split(b"\r\n\r\n")[0] for request in proxy.requests if TO_MODEL in request]


def test_a_checkpoint_is_shown(client: seedbed.Client, job: str, checkpoint: str) -> None:
    (found,) = client.checkpoints.list(job)
    assert client.checkpoints.get(checkpoint) == found
    assert (found.id, found.step, found.bytes) == (checkpoint, 1, sum(map(len, FILES.values())))
    assert found.metrics == {"eval/loss": 5.5}


def test_a_checkpoint_is_downloaded_completely(client: seedbed.Client, checkpoint: str, place: Path) -> None:
    come: list[int] = []
    made = client.checkpoints.download(checkpoint, place / "new" / "model", progress=come.append)
    assert made == place / "new" / "model"
    assert of(made) == FILES
    assert sum(come) == sum(map(len, FILES.values()))


def test_what_only_a_resume_needs_can_be_left_out(
    client: seedbed.Client, checkpoint: str, place: Path
) -> None:
    client.checkpoints.download(checkpoint, place, model_only=True)
    found = contents(place)
    assert found.pop("README.md").startswith(b"---\n")
    assert found == {path: FILES[path] for path in ("config.json", "model.safetensors")}


def test_a_broken_connection_is_resumed_where_it_broke(
    faulty: seedbed.Client, proxy: FaultyProxy, checkpoint: str, place: Path
) -> None:
    proxy.troubles += [Fault(on=TO_MODEL, cut_after=1_000_000), Fault(on=TO_MODEL, cut_after=500_000)]
    come: list[int] = []
    faulty.checkpoints.download(checkpoint, place, progress=come.append)
    assert of(place) == FILES
    first, second, third = gets(proxy)
    assert b"Range" not in first
    assert b"Range: bytes=" in second
    assert b"Range: bytes=" in third
    assert proxy.carried < len(MODEL) + 200_000
    assert sum(come) == sum(map(len, FILES.values()))


def test_an_aborted_download_continues_at_the_next_call(
    faulty: seedbed.Client, proxy: FaultyProxy, checkpoint: str, place: Path
) -> None:
    proxy.troubles.append(Fault(on=TO_MODEL, cut_after=2_000_000, times=None))
    faulty._transport.retries = 0
    proxy.troubles.append(Fault(on=TO_MODEL, cut_after=0, times=None))
    proxy.troubles[0].times = 1
    with pytest.raises(seedbed.Unreachable):
        faulty.checkpoints.download(checkpoint, place)
    part = place / "model.safetensors.part"
    assert 1_900_000 < part.stat().st_size < 2_000_000
    assert not (place / "model.safetensors").exists()
    proxy.troubles.clear()
    before = proxy.carried
    faulty.checkpoints.download(checkpoint, place)
    assert of(place) == FILES
    assert proxy.carried - before < len(MODEL) - 1_900_000 + 200_000
    before = proxy.carried
    faulty.checkpoints.download(checkpoint, place)
    assert proxy.carried - before < 10_000, "what is there is not fetched again"


def test_a_damaged_file_is_fetched_again(
    faulty: seedbed.Client, proxy: FaultyProxy, checkpoint: str, place: Path
) -> None:
    proxy.troubles.append(Fault(on=TO_MODEL, flip=1_500_000))
    come: list[int] = []
    faulty.checkpoints.download(checkpoint, place, progress=come.append)
    assert of(place) == FILES
    assert len(gets(proxy)) == 2
    assert sum(come) == sum(map(len, FILES.values()))


def test_a_partial_file_of_another_download_is_ignored(
    client: seedbed.Client, checkpoint: str, place: Path
) -> None:
    (place / "model.safetensors.part").write_bytes(b"something else")
    (place / "config.json.part").write_bytes(b"something that is longer than the file itself")
    client.checkpoints.download(checkpoint, place)
    assert of(place) == FILES


@pytest.mark.parametrize("damaged", ["model.safetensors", "manifest.json"])
def test_a_file_that_is_damaged_in_the_storage_is_refused(
    client: seedbed.Client, service: Service, trainer: Trainer, checkpoint: str, place: Path, damaged: str
) -> None:
    key = f"jobs/{trainer.job}/attempt-1/step-1/{damaged}"
    sound = b"".join(service.storage.chunks(key))
    service.storage.put_stream(key, [bytes([sound[0] ^ 1]) + sound[1:]])
    with pytest.raises(seedbed.DownloadDamaged, match=damaged):
        client.checkpoints.download(checkpoint, place)
    assert not (place / damaged).exists()
    assert not list(place.rglob("*.part"))


def test_another_file_of_the_same_name_is_not_overwritten(
    client: seedbed.Client, checkpoint: str, place: Path
) -> None:
    (place / "config.json").write_text("mine")
    with pytest.raises(seedbed.InvalidFile, match=r"config\.json exists"):
        client.checkpoints.download(checkpoint, place)
    assert contents(place) == {"config.json": b"mine"}
    client.checkpoints.download(checkpoint, place, overwrite=True)
    assert of(place) == FILES


def test_a_directory_that_cannot_be_written_is_reported(
    client: seedbed.Client, checkpoint: str, place: Path
) -> None:
    (place / "file").write_text("no directory")
    with pytest.raises(seedbed.InvalidFile, match="file"):
        client.checkpoints.download(checkpoint, place / "file")


def test_no_file_is_written_outside_the_directory(
    client: seedbed.Client, checkpoint: str, place: Path
) -> None:
    found = client.checkpoints.get(checkpoint)
    found.files.append(CheckpointFile(path="../evil", bytes=1, sha256="0" * 64))
    with pytest.raises(seedbed.UnsafePath, match="Nothing was written"):
        client.checkpoints.download(found, place / "in")
    assert contents(place) == {}
    assert not (place.parent / "evil").exists()


@pytest.mark.parametrize(
    "path",
    [
        "../a",
        "a/../../b",
        "/etc/a",
        "a//b",
        "",
        ".",
        "a/..",
        "a/./b",
        "C:a",
        "a\\..\\b",
        "nul",
        "a\0b",
        "a\nb",
    ],
)
def test_a_path_that_is_not_plain_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(seedbed.UnsafePath):
        downloads.target(tmp_path, path)


def test_a_link_that_leads_outside_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "trainer").symlink_to(tmp_path)
    assert downloads.target(tmp_path / "in", "config.json") == tmp_path / "in" / "config.json"
    with pytest.raises(seedbed.UnsafePath):
        downloads.target(tmp_path / "in", "trainer/state.json")


def test_the_model_card_comes_with_the_checkpoint_and_replaces_no_other(
    client: seedbed.Client, checkpoint: str, place: Path
) -> None:
    card = client.checkpoints.card(checkpoint)
    assert f"checkpoint: {checkpoint}" in card
    client.checkpoints.download(checkpoint, place)
    assert (place / "README.md").read_text() == card
    (place / "README.md").write_text("my notes")
    client.checkpoints.download(checkpoint, place)
    assert (place / "README.md").read_text() == "my notes"
    client.checkpoints.download(checkpoint, place, overwrite=True)
    assert (place / "README.md").read_text() == card
