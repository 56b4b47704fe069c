"""Splits and classes from a whole tree of folders."""

import io
import zipfile
from collections.abc import Mapping

import pytest

from core.formats.audio.recordings import AudioNotes, RawRecording, read_recordings
from core.formats.containers.layout import Folders, Layout
from core.formats.image.images import ImageNotes, RawImage, read_images
from tests.core.archives import tarred


def layout(*paths: str) -> Layout:
    folders = Folders("a.zip")
    for path in paths:
        folders.add(path)
    return folders.layout()


def placed(*paths: str) -> list[tuple[str | None, bool]]:
    found = layout(*paths)
    return [found.place("a.zip", path) for path in paths]


HELD, TRAINS = True, False


@pytest.mark.parametrize(
    "tree",
    [
        # Splits above classes, below one folder or several, in any case.
        {"train/cat/1": ("cat", TRAINS), "test/cat/2": ("cat", HELD), "val/dog/3": ("dog", HELD)},
        {"pets/Train/cat/1": ("cat", TRAINS), "pets/TEST/dog/2": ("dog", HELD)},
        {"a/b/training/cat/1": ("cat", TRAINS), "a/b/Validation/dog/2": ("dog", HELD)},
        {"train/1": (None, TRAINS), "test/2": (None, HELD)},
        {"train/1": (None, TRAINS), "test/2": (None, HELD), "cover": (None, TRAINS)},
        {"train/cat/1": ("cat", TRAINS), "test/cat/2": ("cat", HELD), "unlabeled/3": (None, TRAINS)},
        {"train/1": (None, TRAINS), "test/2": (None, HELD), "extra/3": (None, TRAINS)},
        # CIFAR-100: a class below a split, with other classes or alone.
        {
            "train/train/1": ("train", TRAINS),
            "train/bus/2": ("bus", TRAINS),
            "test/train/3": ("train", HELD),
            "test/bus/4": ("bus", HELD),
        },
        {"train/train/1": ("train", TRAINS), "test/train/3": ("train", HELD)},
        {"train/test/1": ("test", TRAINS), "train/val/2": ("val", TRAINS), "test/test/3": ("test", HELD)},
        {
            "cifar100/train/vehicles/train/1": ("train", TRAINS),
            "cifar100/train/vehicles/bus/2": ("bus", TRAINS),
            "cifar100/test/vehicles/train/3": ("train", HELD),
        },
        # Classes next to other classes.
        {"train/1": ("train", TRAINS), "bus/2": ("bus", TRAINS), "car/3": ("car", TRAINS)},
        {"train/1": ("train", TRAINS), "test/2": ("test", TRAINS), "other/3": ("other", TRAINS)},
        {"x/val/1": ("val", TRAINS), "x/validation/2": ("validation", TRAINS), "x/ok/3": ("ok", TRAINS)},
        {"vehicles/train/1": ("train", TRAINS), "animals/cat/2": ("cat", TRAINS), "animals/dog/3": ("dog", TRAINS)},
        {
            "vehicles/train/1": ("train", TRAINS),
            "vehicles/bus/2": ("bus", TRAINS),
            "animals/test/3": ("test", TRAINS),
        },
        {"train/steam/1": ("steam", TRAINS), "car/sedan/2": ("sedan", TRAINS)},
        # A split next to the classes that it repeats, or that contains classes where the others contain samples.
        {"cat/1": ("cat", TRAINS), "dog/2": ("dog", TRAINS), "test/cat/3": ("cat", HELD)},
        {"cat/1": ("cat", TRAINS), "dog/2": ("dog", TRAINS), "test/bird/3": ("bird", HELD)},
        {
            "train/cat/1": ("cat", TRAINS),
            "test/cat/2": ("cat", HELD),
            "more/raw/3": ("raw", TRAINS),
        },
        # Splits below classes.
        {
            "cat/train/1": ("cat", TRAINS),
            "cat/test/2": ("cat", HELD),
            "dog/train/3": ("dog", TRAINS),
            "dog/test/4": ("dog", HELD),
        },
        {"cat/1": ("cat", TRAINS), "cat/test/2": ("cat", HELD), "dog/3": ("dog", TRAINS), "dog/test/4": ("dog", HELD)},
        {
            "cat/train/1": ("cat", TRAINS),
            "cat/val/2": ("cat", HELD),
            "dog/long/3": ("long", TRAINS),
        },
        # A folder around the splits that has the name of a split.
        {"validation/train/cat/1": ("cat", TRAINS), "validation/test/cat/2": ("cat", HELD)},
        {"test/train/1": (None, TRAINS), "test/val/2": (None, HELD)},
        # A single folder is a split, because there is no other class.
        {"train/cat/1": ("cat", TRAINS), "train/dog/2": ("dog", TRAINS)},
        {"test/1": (None, HELD)},
        # No folder with the name of a split.
        {"cat/1": ("cat", TRAINS), "dog/2": ("dog", TRAINS), "3": (None, TRAINS)},
        {"tests/1": ("tests", TRAINS), "retrain/2": ("retrain", TRAINS)},
    ],
    ids=" ".join,
)  # fmt: skip
def test_the_layout_is_decided_by_the_whole_tree(tree: Mapping[str, tuple[str | None, bool]]) -> None:
    paths = [f"{path}.png" for path in tree]
    assert dict(zip(tree, placed(*paths), strict=True)) == tree
    # The order of the files does not matter.
    assert placed(*reversed(paths)) == list(reversed(tree.values()))


def test_decisions_on_ambiguous_names_are_noted() -> None:
    told = {note.code: note.message for note in layout("train/cat/1.png", "test/cat/2.png").notes}
    assert list(told) == ["folders_are_parts"]
    assert "'test' and 'train'" in told["folders_are_parts"]
    assert "the samples in 'test' are held out" in told["folders_are_parts"]
    told = {note.code: note.message for note in layout("train/1.png", "bus/2.png", "car/3.png").notes}
    assert list(told) == ["folders_are_classes"]
    assert "'train'" in told["folders_are_classes"]
    assert "'bus' and 'car'" in told["folders_are_classes"]
    both = layout("train/train/1.png", "train/bus/2.png", "test/bus/3.png").notes
    assert [note.code for note in both] == ["folders_are_parts", "folders_are_classes"]
    assert layout("cat/1.png", "dog/2.png").notes == ()


MEMBERS = {"train/1": b"x", "bus/2": b"y", "test/3": b"z", "notes.txt": b"", "__MACOSX/train/._1": b""}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_archives_of_images_and_of_recordings_use_the_layout(kind: str) -> None:
    for ending, notes in ((".png", ImageNotes()), (".wav", AudioNotes())):
        members = {name if "." in name else name + ending: content for name, content in MEMBERS.items()}
        content = zipped(members) if kind == "zip" else tarred(members)
        stream, name = io.BytesIO(content), f"train.{kind}"
        found = (
            list(read_images(stream, name, notes=notes))
            if isinstance(notes, ImageNotes)
            else list(read_recordings(stream, name, notes=notes))
        )
        places = set()
        for one in found:
            assert isinstance(one, RawImage | RawRecording)
            places.add((one.label, one.held_out))
        assert places == {("train", False), ("bus", False), ("test", False)}
        assert [note.code for note in notes.notes] == ["folders_are_classes"]


def zipped(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()
