"""Limits on the size of an uploaded file's content.

They are checked while bytes are read; sizes that a header states are not trusted.
"""

import threading
from dataclasses import dataclass

from core.formats.errors import Place

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Limits on one uploaded file."""

    content_bytes: int = 1 << 40
    """Bytes after decompression."""
    ratio: float = 250.0
    """Bytes after decompression for each byte of the file. Text has 3-10, logs up to 50."""
    ratio_from_bytes: int = 64 * MIB
    """Bytes after decompression from which the ratio is checked. A small file with a high ratio does no harm."""
    members: int = 10_000
    """Files in an archive."""
    member_name_bytes: int = 4096
    """Length of a member's name with its folders, in UTF-8. No file system takes a longer path."""
    header_bytes: int = 16 * MIB
    """Bytes of a tar's extended headers (PAX, long names) together, beside `header_bytes_each` for each member."""
    header_bytes_each: int = 2048
    directory_bytes: int = 64 * MIB
    """Size of a zip's central directory, which is read whole."""
    document_characters: int = 64 * MIB
    """Length of the longest line or field, which is held in memory."""
    tokenizer_bytes: int = 128 * MIB
    """Size of the largest ``tokenizer.json``, which is read whole."""
    image_bytes: int = 64 * MIB
    """Size of one encoded image, which is read whole."""
    image_pixels: int = 100_000_000
    """Width times height of one image, checked before it is decoded."""
    pixels_from: int = 350_000_000
    """Pixels of all images of a file together: the limit is this number, plus `pixels_a_byte` for each byte of the file."""
    pixels_a_byte: int = 700
    """Photographs have up to 20 pixels for each byte of the file, screenshots 100, flat masks some hundreds; a PNG has at
    most 8,000."""
    image_side: int = 8
    """Pixels that the shorter side of an image must have. A smaller image shows nothing."""
    audio_bytes: int = 512 * MIB
    """Size of one encoded recording, which is read whole."""
    audio_samples: int = 200_000_000
    """Audio samples of one recording (more than an hour at 48 kHz), which are held in memory as mono."""


DEFAULT_LIMITS = Limits()
IMAGE_LIMITS = Limits(members=2_000_000, directory_bytes=256 * MIB)
"""For images: an archive holds one file for each sample."""
AUDIO_LIMITS = IMAGE_LIMITS
"""For recordings: the same limits as for images."""


class Budget:
    """Counts the bytes read from all members of a file of ``file_bytes`` bytes."""

    def __init__(self, file_bytes: int, limits: Limits) -> None:
        self.file_bytes = file_bytes
        self.limits = limits
        self.spent = 0

    def spend(self, amount: int, place: Place) -> None:
        """
        Raises:
            FormatError: ``archive_bomb``, at the first byte over the limit.
        """
        self.spent += amount
        limits = self.limits
        if self.spent > limits.content_bytes:
            raise place.error(
                "archive_bomb",
                f"holds more than {limits.content_bytes:,} bytes when decompressed; split it into smaller files",
                case="content",
                most_bytes=limits.content_bytes,
            )
        if self.spent > limits.ratio_from_bytes and self.spent > limits.ratio * self.file_bytes:
            raise place.error(
                "archive_bomb",
                f"{self.file_bytes:,} bytes decompress to more than {self.spent:,}, over {limits.ratio:g} times "
                "as much, more than ordinary text does; upload it uncompressed if that is intended",
                case="ratio",
                file_bytes=self.file_bytes,
                bytes=self.spent,
                most_ratio=limits.ratio,
            )


class PixelBudget:
    """Counts the pixels of a file's images before each is decoded. Safe to share between threads."""

    def __init__(self, file_bytes: int, limits: Limits) -> None:
        self._most = limits.pixels_from + limits.pixels_a_byte * file_bytes
        self._file_bytes = file_bytes
        self._lock = threading.Lock()
        self._spent = 0

    def spend(self, pixels: int, place: Place) -> None:
        """
        Raises:
            FormatError: ``archive_bomb``, at the first image over the limit.
        """
        with self._lock:
            self._spent += pixels
            spent = self._spent
        if spent > self._most:
            raise place.error(
                "archive_bomb",
                f"the file's {self._file_bytes:,} bytes decode to more than {self._most:,} pixels; split it, or make its "
                "images smaller",
                case="pixels",
                file_bytes=self._file_bytes,
                most_pixels=self._most,
            )
