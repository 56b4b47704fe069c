"""Pictures are read back by a decoder that is independent of the encoder."""

import struct
import zlib

import numpy as np
import pytest

from core.evaluation.pictures import greyed, grid, one_above_other, png, side_by_side, to_pixels


def decode(content: bytes) -> np.ndarray:
    """A decoder for PNG without filters, by the standard: chunks with checksums, then lines."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, header = 8, b"", b""
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", content, at + 8 + length) == (zlib.crc32(kind + body),)
        data, header = (data + body, header) if kind == b"IDAT" else (data, header or body)
        at += length + 12
    assert kind == b"IEND"
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", header)
    assert (depth, rest) == (8, [0, 0, 0])
    lines = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, -1)
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape(height, width, {0: 1, 2: 3}[colour])


@pytest.mark.parametrize("shape", [(5, 7, 3), (1, 1, 1), (16, 3, 1)])
def test_a_png_contains_the_pixels(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert (decode(png(image)) == image).all()


def test_a_grid_has_each_image_in_its_place() -> None:
    images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1) * np.ones((3, 70, 65, 1), np.uint8)
    sheet = grid(images, columns=2)
    assert sheet.shape == (2 + 2 * 72, 2 + 2 * 67, 1)
    assert (sheet[2:72, 2:67] == 0).all()
    assert (sheet[2:72, 69:134] == 1).all()
    assert (sheet[74:144, 2:67] == 2).all()
    assert (sheet[74:144, 69:134] == 255).all(), "no image, no ink"


def test_small_images_are_enlarged_in_whole_pixels() -> None:
    image = np.array([[[[1], [2]]]], dtype=np.uint8)
    sheet = grid(image, columns=1, gap=0)
    assert sheet.shape == (32, 64, 1)
    assert (sheet[:, :32] == 1).all()
    assert (sheet[:, 32:] == 2).all()


def test_pictures_are_placed_side_by_side() -> None:
    first, second = np.zeros((1, 64, 64, 3), np.uint8), np.ones((1, 64, 64, 3), np.uint8)
    sheet = side_by_side(first, second)
    assert sheet.shape == (66 + 2, 2 * 66 + 2, 3)
    assert (sheet[2:66, 2:66] == 0).all()
    assert (sheet[2:66, 68:132] == 1).all()


def test_many_rows_become_blocks_side_by_side() -> None:
    """Five images of two kinds: two blocks of three rows, with the last position empty."""
    numbers = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1) * np.ones((5, 64, 64, 1), np.uint8)
    sheet = side_by_side(numbers, numbers + 100)
    block = 2 * 66 + 2
    assert sheet.shape == (3 * 66 + 2, 2 * block + 8, 1)
    places = [(2 + 66 * (number % 3), (block + 8) * (number // 3)) for number in range(5)]
    for number, (top, left) in enumerate(places):
        assert (sheet[top : top + 64, left + 2 : left + 66] == number).all()
        assert (sheet[top : top + 64, left + 68 : left + 132] == number + 100).all()
    assert (sheet[:, block : block + 8] == 255).all(), "a gap between blocks"
    assert (sheet[2 + 2 * 66 : 66 + 2 * 66, block + 8 :] == 255).all(), "no image, no ink"


@pytest.mark.parametrize("count", [1, 7, 16, 64])
def test_a_picture_fits_a_screen(count: int) -> None:
    images = np.zeros((count, 32, 32, 3), np.uint8)
    height, width, _ = side_by_side(images, images, images).shape
    assert count < 2 or height < width < 3.5 * height


def test_numbers_become_pixels() -> None:
    values = np.array([-1.0, 0.0, 0.5, 1.0, 9.0]).reshape(1, 1, 1, 5)
    assert to_pixels(values).reshape(-1).tolist() == [0, 0, 128, 255, 255]


def test_hidden_patches_are_grey_and_the_others_as_they_were() -> None:
    images = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
    hidden = np.zeros((2, 2, 3), dtype=bool)
    hidden[0, 1, 2] = hidden[1, 0, 0] = True
    found = greyed(images, hidden)
    expected = images.copy()
    expected[0, 2:, 4:] = 128
    expected[1, :2, :2] = 128
    assert np.array_equal(found, expected)


def test_pictures_are_placed_one_above_the_other() -> None:
    images = np.zeros((3, 64, 64, 1), dtype=np.uint8)
    sheet = one_above_other(images, images + 9)
    assert sheet.shape == (2 + 2 * 66, 2 + 3 * 66, 1)
    assert (sheet[2:66, 2:66] == 0).all()
    assert (sheet[68:132, 134:198] == 9).all()
