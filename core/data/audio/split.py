"""Which recordings are held out: by their own content, or by whole groups, so that a growing dataset moves none across."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from core.data.errors import DataError


@dataclass(frozen=True)
class Kept:
    """What the split looks at of a recording that is kept."""

    content: int
    """64 bits of hash of the encoded file."""
    group: str | None
    set_aside: bool
    """Whether the dataset itself holds it out."""


def content_hash(content: bytes) -> int:
    """64 bits of a recording's encoded file, or of a group's name."""
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big")


def held_out(recordings: Sequence[Kept], fraction: float) -> list[bool]:
    """Which of the recordings are held out.

    * Where the dataset sets some aside itself (a folder ``test``), those.
    * Else, where there are groups, all of each group whose name's hash is below ``fraction`` of all hashes; where that
      is none or all, the one with the smallest hash. What has no group trains.
    * Else each recording whose content's hash is below, likewise.

    Raises:
        DataError: ``data_too_small``, where one part would be empty.
    """
    if len(recordings) < 2:
        raise _too_small(f"The data holds {len(recordings)} different recording{'s' * (not recordings)}")
    if any(one.set_aside for one in recordings):
        decisions = [one.set_aside for one in recordings]
    elif groups := {one.group for one in recordings if one.group is not None}:
        hashes = {group: content_hash(group.encode()) for group in groups}
        chosen = _below(hashes, fraction, all_train=any(one.group is None for one in recordings))
        decisions = [one.group in chosen for one in recordings]
    else:
        by_content = {str(one.content): one.content for one in recordings}
        chosen = _below(by_content, fraction, all_train=False)
        decisions = [str(one.content) in chosen for one in recordings]
    if all(decisions):
        raise _too_small("All recordings are held out: they are of one group, or of one part")
    return decisions


def _below(hashes: dict[str, int], fraction: float, *, all_train: bool) -> set[str]:
    """The names below the threshold; the one with the smallest hash where they are none, or all and nothing else trains."""
    chosen = {name for name, value in hashes.items() if value < int(fraction * 2**64)}
    if not chosen or (len(chosen) == len(hashes) and not all_train):
        return {min(hashes, key=lambda name: (hashes[name], name))}
    return chosen


def _too_small(what: str) -> DataError:
    return DataError(
        "data_too_small",
        f"{what}; training and evaluation need at least one each",
        "Add recordings, or change data.audio.group_pattern or the folders that name parts.",
    )
