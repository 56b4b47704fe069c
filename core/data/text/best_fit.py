"""Best-fit packing: documents are placed whole in rows where they fit, so that few are cut.

Ding et al. 2024, "Fewer Truncations Improve Language Modeling", arXiv 2404.10830. A document longer than a row fills whole
rows, and its rest is placed like a short document. Chunks are placed longest first, each into the fullest row that still
has room (best-fit decreasing). The room in a row has at most as many different values as a row has positions. So rows
with the same room are interchangeable, and chunks of one length are placed in batches: for N documents and rows of L
tokens this takes a sort, and some steps for each pair of a length and an amount of room, for any N.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Packing:
    """Which tokens are in which row. Chunks are in the order of the rows, and within a row in the order of documents."""

    starts: _Ints
    """Start of each chunk in the token stream, shape (chunks,)."""
    lengths: _Ints
    """Length of each chunk in tokens, shape (chunks,)."""
    row_offsets: _Ints
    """Row ``r`` has the chunks ``row_offsets[r]`` to ``row_offsets[r + 1]``; shape (rows + 1,)."""


def best_fit(offsets: NDArray[Any], capacity: int) -> Packing:
    """Documents ``offsets[d]`` to ``offsets[d + 1]`` packed into rows of ``capacity`` tokens. Depends only on the lengths."""
    starts, lengths = _chunks(offsets.astype(np.int64), capacity)
    order = np.argsort(-lengths, kind="stable")
    rows = np.empty(len(lengths), dtype=np.int64)
    rows[order] = _rows(lengths[order], capacity)
    # By row, and within a row in the order of the stream.
    laid = np.lexsort((starts, rows))
    count = int(rows.max()) + 1 if len(rows) else 0
    row_offsets = np.searchsorted(rows[laid], np.arange(count + 1))
    return Packing(starts[laid], lengths[laid], row_offsets.astype(np.int64))


def _chunks(offsets: _Ints, capacity: int) -> tuple[_Ints, _Ints]:
    """Starts and lengths of documents cut into at most ``capacity`` tokens. Empty documents have no chunk."""
    sizes = np.diff(offsets)
    pieces = -(-sizes // capacity)
    document = np.repeat(np.arange(len(sizes)), pieces)
    first = np.cumsum(pieces) - pieces
    within = (np.arange(len(document)) - first[document]) * capacity
    return offsets[:-1][document] + within, np.minimum(sizes[document] - within, capacity)


def _rows(lengths: _Ints, capacity: int) -> _Ints:
    """The row of each chunk. The chunks are sorted by falling length."""
    rows = np.empty(len(lengths), dtype=np.int64)
    rooms = _Rooms()
    opened = 0
    bounds = np.flatnonzero(np.diff(lengths, prepend=-1, append=-1))
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        length = int(lengths[start])
        at = start
        while at < stop:
            # The fullest row is filled with as many chunks of this length as fit, before any emptier row.
            room, found = rooms.take(length, stop - at)
            if found is None:
                room = capacity
                found = np.arange(opened, opened - (at - stop) // (room // length))
                opened += len(found)
            a_row = room // length
            laid = min(stop - at, a_row * len(found))
            rows[at : at + laid] = np.repeat(found, a_row)[:laid]
            at += laid
            short = a_row * len(found) - laid
            rooms.add(room - a_row * length, found[:-1] if short else found)
            if short:
                rooms.add(room - (a_row - short) * length, found[-1:])
    return rows


class _Rooms:
    """Rows that have room left, by the number of free positions."""

    def __init__(self) -> None:
        self._rows: dict[int, list[_Ints]] = {}
        self._rooms: list[int] = []
        """The numbers of free positions, ascending."""

    def add(self, room: int, rows: _Ints) -> None:
        if not room or not len(rows):
            return
        if room not in self._rows:
            insort(self._rooms, room)
        self._rows.setdefault(room, []).append(rows)

    def take(self, length: int, count: int) -> tuple[int, _Ints | None]:
        """Rows with the least room that is at least ``length``, enough for at most ``count`` chunks; None where there is no such row."""
        place = bisect_left(self._rooms, length)
        if place == len(self._rooms):
            return 0, None
        room = self._rooms[place]
        needed = -(-count // (room // length))
        stack = self._rows[room]
        rows = stack.pop()
        if len(rows) > needed:
            stack.append(rows[needed:])
            rows = rows[:needed]
        if not stack:
            del self._rows[room], self._rooms[place]
        return room, rows
