"""Counts the documents that are copies of an earlier one."""

from array import array

from core.formats.content import content_hash


class RepeatCounter:
    """Counts exact copies of earlier documents. Takes 8 bytes of memory for each document."""

    def __init__(self) -> None:
        self._hashes = array("Q")

    def add(self, content: bytes) -> int:
        """Add a document, as UTF-8. Returns its `content_hash`."""
        number = content_hash(content)
        self._hashes.append(number)
        return number

    def count(self) -> int:
        """The number of documents that are copies of an earlier one."""
        # Imported where it is needed: reading text, or naming a format, does without numpy.
        import numpy as np  # noqa: PLC0415 - see above

        hashes = np.frombuffer(self._hashes, np.uint64) if self._hashes else np.empty(0, np.uint64)
        hashes = np.sort(hashes)
        return int(np.count_nonzero(hashes[1:] == hashes[:-1]))
