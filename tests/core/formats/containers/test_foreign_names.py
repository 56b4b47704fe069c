"""Names in archives and on disks that are not UTF-8, and names from Windows programs."""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data import data_files
from core.data.image import prepare
from core.formats import Notes, read_documents
from core.formats.audio.inspection import inspect_audio_file
from core.formats.image.images import RawImage, read_images
from core.formats.image.inspection import inspect_image_file
from core.spec.data import DataSpec
from tests.core.formats.audio.test_audio import noise, wav


def picture(value: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((16, 16, 3), value, np.uint8)).save(out, "PNG")
    return out.getvalue()


def tar_of(members: Mapping[bytes, bytes], layout: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar whose names have exactly these bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=layout, errors="surrogateescape") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zip_of(members: Mapping[bytes, bytes]) -> bytes:
    """A zip whose names have exactly these bytes, without a statement of their encoding."""
    out = io.BytesIO()
    stand_ins = {f"{number:0{len(name)}d}": name for number, name in enumerate(members)}
    assert all(len(stand_in) == len(name) for stand_in, name in stand_ins.items())
    with zipfile.ZipFile(out, "w") as archive:
        for stand_in, name in stand_ins.items():
            archive.writestr(stand_in, members[name])
    content = out.getvalue()
    for stand_in, name in stand_ins.items():
        for header in (b"PK\x03\x04", b"PK\x01\x02"):
            at = content.index(stand_in.encode(), content.index(header))
            content = content[:at] + name + content[at + len(name) :]
    return content


NAMES = [
    ("tar", "latin-1", ["café", "Zürich", "naïve", "Béla"]),
    ("tar", "cp1252", ["œuvre", "mañana"]),
    ("tar", "shift_jis", ["犬", "写真の猫", "表"]),
    ("tar", "utf-8", ["犬", "café", "кошка"]),
    ("zip", "cp437", ["café", "über", "très", "grâce"]),
    ("zip", "cp932", ["犬", "写真の猫", "ソ"]),
    ("zip", "utf-8", ["犬", "café", "кошка"]),
]


@pytest.mark.parametrize(("kind", "encoding", "classes"), NAMES, ids=str)
def test_classes_have_the_names_that_people_gave_them(kind: str, encoding: str, classes: list[str]) -> None:
    pack = tar_of if kind == "tar" else zip_of
    names = {f"train/{name}/{name}1.png".encode(encoding): picture(n) for n, name in enumerate(classes)}
    names[b"test/plain/1.png"] = picture(200)
    report = inspect_image_file(io.BytesIO(pack(names)), f"a.{kind}")
    assert set(report.classes) == {*classes, "plain"}
    assert (report.samples, report.held_out) == (len(classes) + 1, 1)


def test_recordings_too_in_all_kinds_of_tar() -> None:
    members = {"hänsel/1.wav".encode("latin-1"): wav(noise()), b"gretel/\x80\x811.wav": wav(noise(seed=1))}
    for layout in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        report = inspect_audio_file(io.BytesIO(tar_of(members, layout)), "a.tar")
        assert set(report.classes) == {"hänsel", "gretel"}
        for name in report.names:
            name.encode()


@pytest.mark.parametrize(
    "encoding", ["cp1251", "koi8-r", "gbk", "euc_jp", "euc_kr", "big5", "cp866", "iso8859-7"]
)
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_names_in_other_encodings_stay_apart(kind: str, encoding: str) -> None:
    words = {
        "cp1251": ["кошка", "собака", "ёж"], "koi8-r": ["кошка", "собака"], "cp866": ["кошка", "собака"],
        "gbk": ["狗", "猫", "照片"], "euc_jp": ["犬", "写真"], "euc_kr": ["고양이", "개"], "big5": ["貓", "狗"],
        "iso8859-7": ["γάτα", "σκύλος"],
    }[encoding]  # fmt: skip
    pack = tar_of if kind == "tar" else zip_of
    content = pack({f"{word}/1.png".encode(encoding): picture(n) for n, word in enumerate(words)})
    report = inspect_image_file(io.BytesIO(content), f"a.{kind}")
    assert len(report.classes) == len(words)
    for name in report.classes:
        name.encode()


def test_a_unicode_name_beside_the_old_one_counts() -> None:
    raw, name = b"caf\x82/1.png", "kaffee ☕/1.png"
    extra_field = struct.pack("<BI", 1, zlib.crc32(raw)) + name.encode()
    for extra, wanted in ((extra_field, "kaffee ☕"), (extra_field[:1] + b"xxxx" + name.encode(), "café")):
        info = zipfile.ZipInfo("0" * len(raw))
        info.extra = struct.pack("<HH", 0x7075, len(extra)) + extra
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr(info, picture(1))
        content = out.getvalue().replace(b"0" * len(raw), raw)
        assert set(inspect_image_file(io.BytesIO(content), "a.zip").classes) == {wanted}


def test_backslashes_are_folders_as_windows_means_them() -> None:
    members = {
        b"pets\\": b"",
        b"pets\\train\\cat\\1.png": picture(1),
        b"pets\\train\\dog\\2.png": picture(2),
        b"pets\\test\\cat\\3.png": picture(3),
        b"pets\\test\\Thumbs.db": b"x",
    }
    for pack, name in ((zip_of, "pets.zip"), (tar_of, "pets.tar")):
        report = inspect_image_file(io.BytesIO(pack({k: v for k, v in members.items() if v})), name)
        assert (report.classes, report.held_out, report.samples) == ({"cat": 2, "dog": 1}, 1, 3)
    found = list(read_images(io.BytesIO(zip_of(members)), "pets.zip"))
    assert [one.place.member for one in found if isinstance(one, RawImage)] == [
        "pets/test/cat/3.png",
        "pets/train/cat/1.png",
        "pets/train/dog/2.png",
    ]
    notes = Notes()
    texts = zip_of({b"docs\\a.txt": b"one", b"docs\\b\\c.csv": b"text\ntwo\n", b"docs\\b\\": b""})
    assert list(read_documents(io.BytesIO(texts), "a.zip", notes=notes)) == ["one", "two"]
    assert notes.ignored.count == 0


def test_names_on_the_disk_reach_the_prepared_data(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    for number, name in enumerate(["café", "zoé"]):
        for sample in range(3):
            path = Path(
                str(folder), name.encode("latin-1").decode("utf-8", "surrogateescape"), f"{sample}.png"
            )
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError:
                pytest.skip("this file system takes only UTF-8 names")
            path.write_bytes(picture(10 * number + sample))
    files = data_files([folder], "image")
    prepared = prepare(files, DataSpec(), tmp_path / "cache")
    assert sorted(prepared.classes) == ["café", "zoé"]


def test_loose_files_and_their_archive_are_read_alike(tmp_path: Path) -> None:
    tree = {"train/1.png": 1, "train/2.png": 2, "bus/3.png": 3, "test/4.png": 4}
    for name, value in tree.items():
        (tmp_path / "loose" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "loose" / name).write_bytes(picture(value))
    (tmp_path / "a.tar").write_bytes(tar_of({name.encode(): picture(value) for name, value in tree.items()}))
    loose = prepare(data_files([tmp_path / "loose"], "image"), DataSpec(), tmp_path / "cache")
    packed = prepare(data_files([tmp_path / "a.tar"], "image"), DataSpec(), tmp_path / "cache")
    assert loose.classes == packed.classes == ("bus", "test", "train")
    assert (loose.train, loose.held_out) == (packed.train, packed.held_out) == (3, 1)
