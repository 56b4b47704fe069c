"""What a file may cost, checked as bytes come and never by what an archive says of itself."""

import threading
from dataclasses import dataclass

from core.formats.errors import Place

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Caps on one uploaded file."""

    content_bytes: int = 1 << 40
    """Bytes after decompression."""
    ratio: float = 250.0
    """Bytes after decompression for each byte of the file. Text comes to 3-10, logs to 50."""
    ratio_from_bytes: int = 64 * MIB
    """The ratio is looked at only past so many bytes: a small file that repeats itself harms nobody."""
    members: int = 10_000
    """Files in an archive."""
    member_name_bytes: int = 4096
    """A member's name with its folders, in UTF-8; no file system takes a longer path."""
    header_bytes: int = 16 * MIB
    """What a tar may say of its members beside their plain headers (PAX, long names), and `header_bytes_each` for each."""
    header_bytes_each: int = 2048
    directory_bytes: int = 64 * MIB
    """A zip's directory, which is read whole."""
    document_characters: int = 64 * MIB
    """The longest line or field, which is held in memory."""
    tokenizer_bytes: int = 128 * MIB
    """The largest ``tokenizer.json``, which is read whole."""
    image_bytes: int = 64 * MIB
    """One image as it is stored, which is read whole."""
    image_pixels: int = 100_000_000
    """Width times height of one image, looked at before it is decoded."""
    pixels_from: int = 350_000_000
    """Pixels of a file's images together that are decoded whatever its size, and"""
    pixels_a_byte: int = 700
    """for each byte of it. Photographs have up to 20, screenshots 100, flat masks some hundreds; a PNG has 8,000 at most."""
    image_side: int = 8
    """Pixels that the shorter side of an image must have: less shows nothing."""
    audio_bytes: int = 512 * MIB
    """One recording as it is stored, which is read whole."""
    audio_samples: int = 200_000_000
    """Samples of one recording, over an hour at 48 kHz; held in memory as mono."""


DEFAULT_LIMITS = Limits()
IMAGE_LIMITS = Limits(members=2_000_000, directory_bytes=256 * MIB)
"""An archive of images holds one file a sample."""
AUDIO_LIMITS = IMAGE_LIMITS
"""An archive of recordings likewise."""


class Budget:
    """Counts what comes out of a file of ``file_bytes`` bytes, over all its members."""

    def __init__(self, file_bytes: int, limits: Limits) -> None:
        self.file_bytes = file_bytes
        self.limits = limits
        self.spent = 0

    def spend(self, amount: int, place: Place) -> None:
        """
        Raises:
            FormatError: ``archive_bomb``, at the first byte too many.
        """
        self.spent += amount
        limits = self.limits
        if self.spent > limits.content_bytes:
            raise place.error(
                "archive_bomb",
                f"holds more than {limits.content_bytes:,} bytes when decompressed; split it into smaller files",
            )
        if self.spent > limits.ratio_from_bytes and self.spent > limits.ratio * self.file_bytes:
            raise place.error(
                "archive_bomb",
                f"{self.file_bytes:,} bytes decompress to more than {self.spent:,}, over {limits.ratio:g} times "
                "as much, which no real text does; upload it uncompressed if it is what you mean",
            )


class PixelBudget:
    """Counts the pixels of a file's images as they are about to be decoded. Safe to share between threads."""

    def __init__(self, file_bytes: int, limits: Limits) -> None:
        self._most = limits.pixels_from + limits.pixels_a_byte * file_bytes
        self._file_bytes = file_bytes
        self._lock = threading.Lock()
        self._spent = 0

    def spend(self, pixels: int, place: Place) -> None:
        """
        Raises:
            FormatError: ``archive_bomb``, at the first image too many.
        """
        with self._lock:
            self._spent += pixels
            spent = self._spent
        if spent > self._most:
            raise place.error(
                "archive_bomb",
                f"the file's {self._file_bytes:,} bytes decode to more than {self._most:,} pixels; split it, or make its "
                "images smaller",
            )
