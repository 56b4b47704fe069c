"""Unusual and invalid images in zip and tar: stored correctly, or left out by name while the others are kept."""

import functools
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.data import DataError, DataFile
from core.data.image import prepare
from core.formats.image.images import read_images
from core.formats.limits import Limits
from core.spec.data import DataSpec

Stored = Callable[..., list[DataFile]]
Png = Callable[..., bytes]
ARCHIVES = ["a.zip", "a.tar", "a.tar.gz"]
COLOUR = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def spec(**changed: Any) -> DataSpec:
    return DataSpec.model_validate({"image": {"size": 16}} | changed)


def encoded(image: Any, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(out, kind, **options)
    return out.getvalue()


def png_of(header: bytes, rows: bytes) -> bytes:
    """A PNG made of given parts, which Pillow would not write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(COLOUR, exif=exif)


SIXTEEN_BIT_ROWS = b"".join(b"\0" + (row.astype(">u2") * 257).tobytes() for row in COLOUR)

BAD: dict[str, tuple[bytes, str]] = {
    "truncated.jpg": (encoded(COLOUR, "JPEG")[:-200], "cannot be decoded"),
    "truncated.png": (encoded(COLOUR)[:-100], "cannot be decoded"),
    "truncated.webp": (encoded(COLOUR, "WEBP", lossless=True)[:-100], "cannot be decoded"),
    "empty.png": (b"", "is empty"),
    "text.jpg": (b"no picture at all", "cannot be decoded"),
    "gif.png": (encoded(COLOUR, "GIF"), "cannot be decoded"),
    "one.png": (encoded(COLOUR[:1, :1]), "is 1 by 1 pixels; each side needs 8"),
    # Ten thousand pixels more than the limit, without data: it is refused before decoding.
    "huge.png": (png_of(struct.pack(">IIBBBBB", 10_001, 10_000, 8, 2, 0, 0, 0), b""), "is 10,001 by 10,000"),
}


@pytest.mark.parametrize("archive", ARCHIVES)
def test_bad_images_are_refused_by_name_or_left_out(
    archive: str, stored: Stored, png: Png, tmp_path: Path
) -> None:
    good = {f"{n}.png": png(n) for n in range(12)}
    files = stored(archive, {**good, **{f"bad/{name}": content for name, (content, _) in BAD.items()}})
    with pytest.raises(
        DataError, match=rf"8 of 20 images cannot be used.*{archive} \(bad/\w+\.\w+\)"
    ) as refused:
        prepare(files, spec(), tmp_path / "c")
    assert refused.value.code == "too_many_bad_samples"

    prepared = prepare(files, spec(on_bad_sample="skip"), tmp_path / "c")
    assert (prepared.bad, prepared.train + prepared.held_out) == (8, 12)
    assert prepared.facts["bad"] == 8
    told = {sample.sample: sample.reason for sample in prepared.skipped}
    assert told.keys() == {f"{archive} (bad/{name})" for name in BAD}
    for name, (_, reason) in BAD.items():
        assert reason in told[f"{archive} (bad/{name})"]
        assert f"{archive} (bad/{name})" in told[f"{archive} (bad/{name})"]


UNUSUAL: dict[str, tuple[bytes, Any, int]] = {
    "grey16.png": (encoded(COLOUR[..., 0].astype(np.uint16) * 257), np.repeat(COLOUR[..., :1], 3, 2), 0),
    "colour16.png": (
        png_of(struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0), SIXTEEN_BIT_ROWS),
        COLOUR,
        0,
    ),
    "cmyk.jpg": (
        encoded(Image.new("RGB", (16, 16), (200, 40, 90)).convert("CMYK"), "JPEG", quality=100),
        np.full((16, 16, 3), (200, 40, 90)),
        4,
    ),
    "animated.webp": (
        encoded(
            Image.fromarray(COLOUR),
            "WEBP",
            save_all=True,
            append_images=[Image.fromarray(COLOUR[::-1].copy())],
            lossless=True,
        ),
        COLOUR,
        0,
    ),
    "animated.png": (
        encoded(Image.fromarray(COLOUR), save_all=True, append_images=[Image.fromarray(COLOUR[::-1].copy())]),
        COLOUR,
        0,
    ),
    "mirrored.png": (turned(2), COLOUR[:, ::-1], 0),
    "upside_down.png": (turned(3), COLOUR[::-1, ::-1], 0),
    "flipped.png": (turned(4), COLOUR[::-1], 0),
    "transposed.png": (turned(5), COLOUR.transpose(1, 0, 2), 0),
    "left.png": (turned(6), np.rot90(COLOUR, -1), 0),
    "transversed.png": (turned(7), COLOUR.transpose(1, 0, 2)[::-1, ::-1], 0),
    "right.png": (turned(8), np.rot90(COLOUR), 0),
}


@pytest.mark.parametrize("archive", ["a.zip", "a.tar"])
def test_unusual_images_are_stored_as_they_should_look(
    archive: str, stored: Stored, png: Png, tmp_path: Path
) -> None:
    members = {f"train/{name}": content for name, (content, _, _) in UNUSUAL.items()}
    prepared = prepare(stored(archive, {**members, "test/0.png": png(1)}), spec(), tmp_path / "c")
    assert (prepared.bad, prepared.train) == (0, len(UNUSUAL))
    names = sorted(UNUSUAL) if archive == "a.zip" else list(UNUSUAL)
    for name, pixels in zip(names, prepared.images("train"), strict=True):
        _, wanted, tolerance = UNUSUAL[name]
        assert np.abs(pixels.astype(int) - wanted).max() <= tolerance, name


@pytest.mark.parametrize("archive", ["a.zip", "a.tar"])
def test_an_unsafe_archive_is_refused_as_a_whole(
    archive: str, stored: Stored, png: Png, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    climbing = stored(archive, {"ok.png": png(1), "../out.png": png(2)})
    with pytest.raises(
        DataError, match=rf"{archive} \(\.\./out\.png\): has a path outside the archive"
    ) as refused:
        prepare(climbing, spec(on_bad_sample="skip"), tmp_path / "c")
    assert refused.value.code == "data_unreadable"
    assert not (tmp_path / "out.png").exists()

    capped = functools.partial(read_images, limits=Limits(members=3))
    monkeypatch.setattr("core.data.image.reading.read_images", capped)
    many = stored(archive, {f"{n}.png": png(n) for n in range(4)})
    with pytest.raises(DataError, match=rf"{archive}: holds .*files") as refused:
        prepare(many, spec(on_bad_sample="skip"), tmp_path / "c")
    assert refused.value.code == "data_unreadable"


def test_an_image_at_the_limit_of_pixels_is_accepted(stored: Stored, png: Png, tmp_path: Path) -> None:
    """A JPEG of 100 megapixels is decoded at 1/8 of its size."""
    large = encoded(Image.new("L", (10_000, 10_000), 77), "JPEG")
    files = stored("a.zip", {"train/large.jpg": large, "test/0.png": png(1)})
    prepared = prepare(files, spec(), tmp_path / "c")
    assert prepared.bad == 0
    assert (prepared.images("train") == 77).all()


def test_classes_of_one_image_each(stored: Stored, png: Png, tmp_path: Path) -> None:
    """The held-out split may have a class that the training split lacks. Class numbers stay those of the names."""
    members = {f"{name}/0.png": png(number) for number, name in enumerate("abcdefgh")}
    prepared = prepare(stored("a.zip", members), spec(held_out_fraction=0.4), tmp_path / "c")
    assert prepared.classes == tuple("abcdefgh")
    both = np.concatenate([prepared.labels("train"), prepared.labels("held_out")])
    assert sorted(both.tolist()) == list(range(8))
    assert prepared.held_out >= 1


def test_the_images_of_a_file_have_a_budget_of_pixels(
    stored: Stored, png: Png, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was not inspected, or before inspection had limits, fails with the reason. Loose files have one limit each."""
    members = {f"{number}.png": png(number) for number in range(3)}
    monkeypatch.setattr("core.data.image.reading.IMAGE_LIMITS", Limits(pixels_from=700, pixels_a_byte=0))
    with pytest.raises(DataError) as caught:
        prepare(stored("a.zip", members), spec(), tmp_path / "cache")
    assert caught.value.code == "data_unreadable"
    assert "a.zip" in str(caught.value)
    assert "pixels" in str(caught.value)
    assert prepare(stored("loose", members), spec(), tmp_path / "cache").train
