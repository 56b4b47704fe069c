"""Unusual and invalid images: converted, or refused by name, while the images next to them are read."""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.formats import FormatError, Limits
from core.formats.errors import Place
from core.formats.image.images import ImageNotes, RawImage, read_images
from core.formats.image.pixels import Decoded, decode_image
from core.formats.labels import natural_order, parse_path
from tests.core.archives import tarred

Zipped = Callable[..., bytes]
COLOUR = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)


def encoded(image: Image.Image | NDArray[Any], kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(out, kind, **options)
    return out.getvalue()


def decode(content: bytes, size: int = 24, channels: int = 3, **options: Any) -> Decoded:
    raw = RawImage(Place("a.zip", "x/picture"), content, None, held_out=False)
    return decode_image(raw, size, channels, **options)


def refused(content: bytes, **options: Any) -> FormatError:
    with pytest.raises(FormatError) as caught:
        decode(content, **options)
    assert "a.zip (x/picture)" in str(caught.value)
    return caught.value


def header_only(width: int, height: int) -> bytes:
    """A PNG whose header states this size, without pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def read(content: bytes, name: str, **options: Any) -> list[RawImage | FormatError]:
    return list(read_images(io.BytesIO(content), name, **options))


def error(content: bytes, name: str, **options: Any) -> FormatError:
    with pytest.raises(FormatError) as caught:
        read(content, name, **options)
    assert caught.value.file == name
    return caught.value


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "DIB", "TIFF"])
def test_an_image_of_the_size_asked_for_keeps_every_pixel(kind: str) -> None:
    found = decode(encoded(COLOUR, kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert np.array_equal(found.pixels, COLOUR)
    assert (found.width, found.height, found.grey) == (24, 24, False)


def test_an_image_of_another_aspect_ratio_is_cropped_and_resampled() -> None:
    wide = np.zeros((30, 90, 3), np.uint8)
    wide[:, 30:60] = COLOUR[0, 0]
    found = decode(encoded(wide), size=10)
    assert found.pixels.shape == (10, 10, 3)
    assert (np.abs(found.pixels.astype(int) - COLOUR[0, 0]) <= 1).all()
    assert (found.width, found.height) == (90, 30)


def test_a_large_jpeg_is_decoded_small_and_looks_the_same() -> None:
    across = np.linspace(0, 255, 1024).astype(np.uint8)
    picture = np.stack(
        [np.tile(across, (1024, 1)), np.tile(across[:, None], (1, 1024)), np.full((1024, 1024), 90)], 2
    )
    picture = picture.astype(np.uint8)
    found = decode(encoded(picture, "JPEG", quality=95), size=32).pixels
    wanted = decode(encoded(picture), size=32).pixels
    assert np.abs(found.astype(int) - wanted).max() <= 5
    assert decode(encoded(picture, "JPEG"), size=32).width == 1024


def test_exif_orientation_is_applied() -> None:
    image = Image.fromarray(np.repeat(COLOUR, 2, 1))  # width 48, height 24
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise
    found = decode(encoded(image, "PNG", exif=exif))
    assert (found.width, found.height) == (24, 48)
    assert np.array_equal(found.pixels, np.rot90(np.asarray(image), -1)[12:36])


def test_sixteen_bits_become_eight() -> None:
    deep = np.linspace(0, 65535, 24 * 24).astype(np.uint16).reshape(24, 24)
    found = decode(encoded(Image.fromarray(deep)), channels=1)
    assert np.array_equal(found.pixels[..., 0], np.rint(deep / 257.0).astype(np.uint8))
    assert found.grey


def test_cmyk_becomes_colour() -> None:
    flat = Image.new("RGB", (24, 24), (200, 40, 90))
    found = decode(encoded(flat.convert("CMYK"), "JPEG", quality=100)).pixels
    assert (np.abs(found.astype(int) - [200, 40, 90]) <= 4).all()


def test_a_palette_becomes_colour() -> None:
    image = Image.fromarray((COLOUR // 128) * 255).quantize(8)
    assert np.array_equal(decode(encoded(image)).pixels, np.asarray(image.convert("RGB")))


def test_transparent_pixels_are_blended_with_white() -> None:
    clear = np.dstack([COLOUR, np.zeros((24, 24), np.uint8)])
    assert (decode(encoded(clear)).pixels == 255).all()
    grey = np.dstack([COLOUR[..., 0], np.full((24, 24), 255, np.uint8)])
    assert np.array_equal(
        decode(encoded(Image.fromarray(grey, "LA")), channels=1).pixels[..., 0], COLOUR[..., 0]
    )


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    first, second = Image.fromarray(COLOUR), Image.fromarray(COLOUR[::-1].copy())
    lossless = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(first, kind, save_all=True, append_images=[second], **lossless)
    assert np.array_equal(decode(content).pixels, COLOUR)


def test_grey_images_become_colour_and_colour_images_grey() -> None:
    grey = decode(encoded(COLOUR[..., 0]))
    assert grey.grey
    assert np.array_equal(grey.pixels, np.repeat(COLOUR[..., :1], 3, 2))
    luma = COLOUR @ np.array([0.299, 0.587, 0.114])
    assert np.abs(decode(encoded(COLOUR), channels=1).pixels[..., 0] - luma).max() <= 1


@pytest.mark.parametrize(
    ("kind", "cut"),
    [("JPEG", 0.6), ("PNG", 0.6), ("WEBP", 0.6), ("JPEG", 0.05), ("BMP", 0.6), ("TIFF", 0.6)],
)
def test_a_truncated_image_is_refused(kind: str, cut: float) -> None:
    content = encoded(COLOUR, kind)
    assert refused(content[: int(len(content) * cut)]).code == "bad_image"


@pytest.mark.parametrize(
    "content", [b"no picture at all", b"\xff\xd8\xff\xe0", encoded(COLOUR, "GIF"), encoded(COLOUR, "PPM")]
)
def test_what_is_no_image_is_refused(content: bytes) -> None:
    assert refused(content).code == "bad_image"


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 400)])
def test_a_very_small_image_is_refused(width: int, height: int) -> None:
    assert refused(encoded(Image.new("RGB", (width, height)))).code == "image_too_small"


def test_a_hundred_megapixels_are_refused_before_they_are_decoded() -> None:
    problem = refused(header_only(20_000, 20_000))
    assert problem.code == "image_too_large"
    assert "20,000 by 20,000" in problem.message
    assert refused(encoded(COLOUR), limits=Limits(image_pixels=500)).code == "image_too_large"


def test_a_thin_image_is_cut_before_it_is_enlarged() -> None:
    found = decode(encoded(Image.new("RGB", (60_000, 8), (9, 8, 7))), size=512)
    assert (found.pixels == [9, 8, 7]).all()


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "a/../../x.png", "C:\\x.png"])
def test_a_path_outside_the_archive_is_refused(name: str, zipped: Zipped) -> None:
    picture = encoded(COLOUR)
    assert error(zipped({"ok.png": picture, name: picture}), "a.zip").code == "archive_path_escapes"
    problem = error(tarred({"ok.png": picture, name: picture}), "a.tar")
    assert (problem.code, problem.member) == ("archive_path_escapes", name)


def test_a_link_is_refused(zipped: Zipped) -> None:
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    assert error(zipped({link: b"/etc/passwd"}), "a.zip").code == "archive_link"
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
        info = tarfile.TarInfo("link.png")
        info.type, info.linkname = kind, "/etc/passwd"
        problem = error(info.tobuf() + bytes(1024), "a.tar")
        assert (problem.code, problem.member) == ("archive_link", "link.png")


def test_decompression_bombs_are_refused_by_ratio_and_by_count(zipped: Zipped) -> None:
    limits = Limits(ratio=20, ratio_from_bytes=1 << 20)
    assert (
        error(tarred({"huge.png": bytes(8 << 20)}, "w:gz"), "a.tar.gz", limits=limits).code == "archive_bomb"
    )
    assert error(zipped({"huge.png": bytes(8 << 20)}), "a.zip", limits=limits).code == "archive_bomb"
    many = {f"{n}.png": b"x" for n in range(5)}
    assert error(zipped(many), "a.zip", limits=Limits(members=4)).code == "archive_bomb"
    assert error(tarred(many), "a.tar", limits=Limits(members=4)).code == "archive_bomb"


@pytest.mark.parametrize(
    "kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE]
)
def test_a_name_of_megabytes_is_refused(kind: bytes) -> None:
    """tarfile holds such headers in memory whole."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = kind, 2 << 20
    content = header.tobuf(tarfile.GNU_FORMAT) + bytes(2 << 20) + tarred({"a.png": encoded(COLOUR)})
    problem = error(content, "a.tar")
    assert problem.code == "archive_bomb"
    assert "2,097,152" in problem.message


def test_files_with_holes_are_refused() -> None:
    old = tarfile.TarInfo("a.png")
    old.type = tarfile.GNUTYPE_SPARSE
    assert error(old.tobuf(tarfile.GNU_FORMAT) + bytes(2048), "a.tar").code == "archive_link"
    new = tarfile.TarInfo("a.png")
    new.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a.png"}
    endless = b"999999999999\n" + b"0\n" * 10_000
    new.size = len(endless)
    content = new.tobuf(tarfile.PAX_FORMAT) + endless + bytes(20_000)
    assert error(content, "a.tar").code == "archive_link"


def test_long_names_are_read() -> None:
    name = "/".join(["a" * 90] * 5) + "/x.png"
    for layout in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=layout) as archive:
            info = tarfile.TarInfo(name)
            info.size = len(encoded(COLOUR))
            archive.addfile(info, io.BytesIO(encoded(COLOUR)))
        (found,) = read(out.getvalue(), "a.tar")
        assert isinstance(found, RawImage)
        assert found.place.member == name


def test_a_member_too_large_for_an_image_is_skipped(zipped: Zipped) -> None:
    picture = encoded(COLOUR)
    members = {"big.png": bytes(9000), "ok.png": picture}
    for content, name in ((zipped(members), "a.zip"), (tarred(members), "a.tar")):
        big, ok = read(content, name, limits=Limits(image_bytes=5000))
        assert isinstance(big, FormatError)
        assert (big.code, big.member) == ("image_too_large", "big.png")
        assert isinstance(ok, RawImage)
        assert ok.content == picture


def test_a_damaged_member_does_not_affect_the_others(zipped: Zipped) -> None:
    picture = encoded(COLOUR)
    content = bytearray(zipped({"a.png": picture, "b.png": picture}, zipfile.ZIP_STORED))
    content[content.index(picture) + len(picture) // 2] ^= 0xFF
    damaged, whole = read(bytes(content), "a.zip")
    assert isinstance(damaged, FormatError)
    assert (damaged.code, damaged.member) == ("corrupt_archive", "a.png")
    assert isinstance(whole, RawImage)


def test_a_damaged_tar_is_refused() -> None:
    content = tarred({f"{n}.png": encoded(COLOUR) for n in range(4)})
    assert error(content[:4000], "a.tar").code in {"corrupt_archive", "truncated_archive"}
    assert error(b"nothing of a tar" * 99, "a.tar").code == "corrupt_archive"
    packed = tarred({"a.png": encoded(COLOUR)}, "w:gz")
    assert error(packed[: len(packed) // 2], "a.tar.gz").code == "truncated_archive"


def test_other_files_and_hidden_ones_are_skipped(zipped: Zipped) -> None:
    picture = encoded(COLOUR)
    notes = ImageNotes()
    members = {"README.md": b"x", "__MACOSX/a.png": b"x", ".b.png": b"x", "a.png": picture}
    assert len(read(zipped(members), "a.zip", notes=notes)) == 1
    assert (notes.members, notes.ignored.names) == (1, ["README.md"])
    problem = error(zipped({"notes.txt": b"x"}), "a.zip")
    assert problem.code == "no_images"
    assert ".webp" in problem.message
    assert error(b"x", "a.txt").code == "unknown_format"


def table(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def test_tables_of_images() -> None:
    picture = encoded(COLOUR)
    first, missing = read(table(photo=[picture, None], label=["cat", "dog"]), "a.parquet")
    assert isinstance(first, RawImage)
    assert (first.content, first.label, first.held_out) == (picture, "cat", False)
    assert isinstance(missing, FormatError)
    assert (missing.code, missing.member) == ("bad_image", "row 1")
    two = table(left=[picture], right=[picture])
    assert error(two, "a.parquet").code == "no_image_column"
    (chosen,) = read(two, "test-0.parquet", image_column="right")
    assert isinstance(chosen, RawImage)
    assert chosen.held_out
    problem = error(table(text=["x"]), "a.parquet")
    assert (problem.code, "'text'" in problem.message) == ("no_image_column", True)
    assert error(two[:-20], "a.parquet").code == "bad_parquet"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\x08\x03",
        b"\0\0\x0d\x01" + bytes(4),
        b"\0\0\x08\x03" + struct.pack(">3I", 2, 8, 8) + bytes(100),
        b"\0\0\x08\x03" + struct.pack(">3I", 2**32 - 1, 0, 9),
    ],
)
def test_a_damaged_idx_is_refused(content: bytes) -> None:
    assert error(content, "x-images-idx3-ubyte").code in {"bad_idx", "empty_file", "image_too_small"}


@pytest.mark.parametrize(
    ("file", "member", "wanted"),
    [
        ("a.zip", "train/cat/1.jpg", ("cat", False)),
        ("a.zip", "photos/test/dog/1.jpg", ("dog", True)),
        ("a.zip", "cat/1.jpg", ("cat", False)),
        ("a.zip", "1.jpg", (None, False)),
        ("a.zip", "val/1.jpg", (None, True)),
        ("test.zip", "cat/1.jpg", ("cat", True)),
        ("test.zip", "train/cat/1.jpg", ("cat", False)),
        ("tester.zip", "cat/1.jpg", ("cat", False)),
        ("train/cat/1.jpg", None, ("cat", False)),
        ("Validation/cat/1.jpg", None, ("cat", True)),
    ],
)
def test_class_and_split_from_a_path(file: str, member: str | None, wanted: tuple[str | None, bool]) -> None:
    assert parse_path(file, member) == wanted


def test_names_are_in_natural_sort_order() -> None:
    assert natural_order(["b", "10", "2", "a10", "a9"]) == ["2", "10", "a9", "a10", "b"]
