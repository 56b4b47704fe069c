"""Everything that is not used is reported: kinds of files, labels, encodings."""

import io
import zipfile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core.formats import FormatError, inspect_file, read_documents
from core.formats.audio.inspection import inspect_audio_file
from core.formats.containers.passed_over import KINDS_KEPT, PassedOver
from core.formats.image.inspection import inspect_image_file
from tests.core.archives import tarred
from tests.core.formats.audio.test_audio import noise, wav
from tests.core.formats.image.test_images import COLOUR, decode, encoded, refused


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


OTHERS = {
    "a.docx": b"x",
    "b/b.DOCX": b"x",
    "LICENSE": b"x",
    "in.tar.gz": b"x",
    ".hidden/x.txt": b"x",
    "__MACOSX/._a.png": b"x",
    "b/Thumbs.db": b"x",
    "b/.DS_Store": b"x",
    "movie.gif": b"x",
}
KINDS = {
    "system files": 3,
    ".docx": 2,
    ".gif": 1,
    ".tar.gz": 1,
    "hidden files": 1,
    "without an ending": 1,
}


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_every_kind_in_an_archive_is_counted(pack: Any) -> None:
    ending = "zip" if pack is zipped else "tar"
    image = inspect_image_file(io.BytesIO(pack(OTHERS | {"a.png": encoded(COLOUR)})), f"a.{ending}")
    audio = inspect_audio_file(io.BytesIO(pack(OTHERS | {"a.wav": wav(noise())})), f"a.{ending}")
    assert image.passed_over == audio.passed_over == KINDS
    if pack is zipped:
        text = inspect_file(io.BytesIO(pack(OTHERS | {"a.txt": b"hello", "empty.txt": b""})), "a.zip")
        assert text.passed_over == KINDS | {"empty files": 1}


def test_the_number_of_listed_kinds_is_limited() -> None:
    over = PassedOver()
    for number in range(5000):
        over.add(f"a.x{number}")
        over.add(f"b{number}.doc")
    kinds = over.kinds()
    assert next(iter(kinds.items())) == (".doc", 5000)
    assert len(kinds) == KINDS_KEPT + 1
    assert sum(kinds.values()) == over.count == 10_000
    assert kinds["other endings"] == 5000 - KINDS_KEPT + 1


@pytest.mark.parametrize("name", ["a.jfif", "a.JPE", "a.pjpeg", "a.bmp", "a.tif", "A.TIFF", "a.dib"])
def test_formats_that_pillow_reads_are_read(name: str) -> None:
    kind = {"b": "BMP", "t": "TIFF", "d": "DIB"}.get(name.lower()[2], "JPEG")
    report = inspect_image_file(io.BytesIO(zipped({name: encoded(COLOUR, kind)})), "a.zip")
    assert (report.samples, report.passed_over, report.bad) == (1, {}, 0)
    assert inspect_image_file(io.BytesIO(encoded(COLOUR, kind)), name).samples == 1


@pytest.mark.parametrize(
    "compression", [None, "tiff_lzw", "tiff_deflate", "jpeg", "packbits", "tiff_adobe_deflate"]
)
def test_tiff_in_every_compression(compression: str | None) -> None:
    found = decode(encoded(COLOUR, "TIFF", compression=compression))
    assert np.abs(found.pixels.astype(int) - COLOUR).max() <= (90 if compression == "jpeg" else 0)
    pages = encoded(COLOUR, "TIFF", save_all=True, append_images=[Image.new("RGB", (24, 24))])
    assert np.array_equal(decode(pages).pixels, COLOUR)


def test_more_than_eight_bits_are_converted_or_refused() -> None:
    deep = np.linspace(0, 65535, 24 * 24).astype(np.uint16).reshape(24, 24)
    found = decode(encoded(Image.fromarray(deep), "TIFF"), channels=1)
    assert np.array_equal(found.pixels[..., 0], np.rint(deep / 257.0).astype(np.uint8))
    for wrong in (deep.astype(np.float32), deep.astype(np.int32) * 100, deep.astype(np.int32) - 9):
        assert refused(encoded(Image.fromarray(wrong), "TIFF")).code == "bad_image"
    bits = Image.fromarray(np.eye(24, dtype=bool))
    assert set(np.unique(decode(encoded(bits, "TIFF")).pixels)) == {0, 255}


def test_the_size_of_a_tiff_is_checked_before_it_is_decoded() -> None:
    content = bytearray(encoded(COLOUR, "TIFF"))
    order = "little" if content[:2] == b"II" else "big"
    for tag in (256, 257):  # width and height
        at = content.index(tag.to_bytes(2, order), int.from_bytes(content[4:8], order))
        content[at + 2 : at + 12] = (
            (4).to_bytes(2, order) + (1).to_bytes(4, order) + (60_000).to_bytes(4, order)
        )
    assert refused(bytes(content)).code == "image_too_large"


def table(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


PICTURES = [encoded(np.full((16, 16, 3), value, np.uint8)) for value in range(4)]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (pa.array([True, False, True, None]), {"true": 2, "false": 1}),
        (pa.array([0.0, 1.0, 1.0, None], pa.float32()), {"1": 2, "0": 1}),
        (pa.array([0.0, 1.0, 2.0, 1.0]), {"1": 2, "0": 1, "2": 1}),
        (pa.array([3, 3, 4, None], pa.decimal128(9, 2)), {"3": 2, "4": 1}),
        (pa.array(["a", "b", "a", "c"], pa.string_view()), {"a": 2, "b": 1, "c": 1}),
        (pa.array(["a", "b", "a", "c"]).dictionary_encode(), {"a": 2, "b": 1, "c": 1}),
    ],
)  # fmt: skip
def test_labels_of_any_plain_kind_are_classes(labels: Any, classes: dict[str, int]) -> None:
    report = inspect_image_file(io.BytesIO(table(image=PICTURES, label=labels)), "a.parquet")
    assert report.classes == classes
    assert report.notes == ()


def test_labels_that_are_no_classes_are_noted() -> None:
    for labels in ([[1], [2], [3], [4]], [b"a", b"b", b"c", b"d"]):
        report = inspect_image_file(
            io.BytesIO(table(image=PICTURES, label=labels)), "a.parquet", image_column="image"
        )
        (note,) = report.notes
        assert (note.code, "'label'" in note.message) == ("labels_not_used", True)
        assert report.unlabelled == 4
    report = inspect_image_file(
        io.BytesIO(table(image=PICTURES, label=[0.5, 1.0, -1.0, float("nan")])), "a.parquet"
    )
    (note,) = report.notes
    assert "2 values" in note.message
    assert (report.classes, report.unlabelled) == ({"1": 1}, 3)


def test_columns_of_a_parquet_that_share_a_name() -> None:
    def shared(*columns: tuple[str, list[Any]]) -> io.BytesIO:
        out = io.BytesIO()
        pq.write_table(
            pa.Table.from_arrays([pa.array(one) for _, one in columns], names=[n for n, _ in columns]), out
        )
        return out

    for read, stream in (
        (lambda stream: list(read_documents(stream, "a.parquet")), shared(("text", ["a"]), ("text", ["b"]))),
        (
            lambda stream: inspect_image_file(stream, "a.parquet"),
            shared(("image", PICTURES), ("image", PICTURES)),
        ),
    ):
        with pytest.raises(FormatError, match="2 columns named"):
            read(stream)
    report = inspect_file(shared(("id", [1]), ("text", ["b"]), ("id", [2])), "a.parquet")
    assert [note.code for note in report.notes] == ["columns_repeat"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize(
    "text",
    ["hello", "a", "two words\r\nand a line\n" * 400, "Привет, мир! Как дела сегодня", "مرحبا بالعالم", "text,id\nfoo,1\n",
     '{"text": "x"}\n' * 9, "🎉 party 🎉\n" * 2000, "日本 語 テキスト\n" * 30],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
def test_wide_characters_without_a_mark_are_refused(text: str, encoding: str, name: str) -> None:
    with pytest.raises(FormatError) as caught:
        inspect_file(io.BytesIO(text.encode(encoding)), name)
    assert caught.value.code == "not_utf8"


def test_a_stray_nul_in_a_long_text_leaves_it_a_text() -> None:
    report = inspect_file(io.BytesIO(b"hello world, " * 99 + b"\0" + b" and so on" * 99), "a.txt")
    assert report.documents == 1
