"""How many of the documents repeat an earlier one."""

from array import array

from core.formats.content import content_hash


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
        # Imported where it is needed: whoever reads text or asks for a format's name can do without.
        import numpy as np  # noqa: PLC0415 - see above

        hashes = np.frombuffer(self._hashes, np.uint64) if self._hashes else np.empty(0, np.uint64)
        hashes = np.sort(hashes)
        return int(np.count_nonzero(hashes[1:] == hashes[:-1]))
