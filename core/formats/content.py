"""What a document is known by: the hash of its text."""

from array import array
from hashlib import blake2b

HASH_BYTES = 8


def content_hash(content: bytes) -> int:
    """64 bits of a document's UTF-8 text."""
    return int.from_bytes(blake2b(content, digest_size=HASH_BYTES).digest(), "big")


class RepeatCounter:
    """Counts documents that were there before, word for word; takes eight bytes of memory for each document."""

    def __init__(self) -> None:
        self._hashes = array("Q")

    def add(self, content: bytes) -> int:
        """Take a document, as UTF-8, into the count; its `content_hash`."""
        number = content_hash(content)
        self._hashes.append(number)
        return number

    def count(self) -> int:
        """How many repeat an earlier one."""
        # Imported where it is needed: a tenth of a second that the process that answers requests can do without.
        import numpy as np  # noqa: PLC0415 - see above

        hashes = np.frombuffer(self._hashes, np.uint64) if self._hashes else np.empty(0, np.uint64)
        hashes = np.sort(hashes)
        return int(np.count_nonzero(hashes[1:] == hashes[:-1]))
