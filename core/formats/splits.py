"""Which samples are held out: decided by their content, so that a growing dataset moves none across.

The engine decides by these rules when it prepares a dataset, and admission decides by them what it would find.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.formats.content import content_hash


def threshold(fraction: float) -> int:
    """What hashes of 64 bits are below with probability ``fraction``."""
    return int(fraction * 2**64)


def by_hash(hashes: Sequence[int], fraction: float) -> list[bool]:
    """Which of the samples are held out: those whose hash is below ``fraction`` of all hashes.

    Where that leaves either part empty, the first one with the smallest hash.

    Args:
        hashes: of different samples, one at least.
    """
    limit = threshold(fraction)
    chosen = [value < limit for value in hashes]
    if all(chosen) or not any(chosen):
        smallest = min(range(len(hashes)), key=lambda number: hashes[number])
        return [number == smallest for number in range(len(hashes))]
    return chosen


@dataclass(frozen=True)
class Recorded:
    """What the split of recordings looks at of one of them."""

    content: int
    """64 bits of hash of the encoded file."""
    group: str | None
    """Who or what was recorded."""
    set_aside: bool
    """Whether the dataset itself holds it out."""


def split_recordings(recordings: Sequence[Recorded], fraction: float) -> list[bool] | None:
    """Which of the recordings are held out; None where that leaves nothing to learn from.

    * Where the dataset sets some aside itself (a folder ``test``), those.
    * Else, where there are groups, all of each group whose name's hash is below ``fraction`` of all hashes; where that
      is none or all, the one with the smallest hash. What has no group trains.
    * Else `by_hash` of their content.

    Args:
        recordings: different ones, two at least.
    """
    groups = {one.group for one in recordings if one.group is not None}
    if any(one.set_aside for one in recordings):
        decisions = [one.set_aside for one in recordings]
    elif groups:
        hashes = {group: content_hash(group.encode()) for group in groups}
        chosen = _groups_below(hashes, fraction, others_train=any(one.group is None for one in recordings))
        decisions = [one.group in chosen for one in recordings]
    else:
        decisions = by_hash([one.content for one in recordings], fraction)
    return None if all(decisions) else decisions


def _groups_below(hashes: Mapping[str, int], fraction: float, *, others_train: bool) -> set[str]:
    """The names below the threshold; the one with the smallest hash where they are none, or all and nothing else trains."""
    limit = threshold(fraction)
    chosen = {name for name, value in hashes.items() if value < limit}
    if not chosen or (len(chosen) == len(hashes) and not others_train):
        return {min(hashes, key=lambda name: (hashes[name], name))}
    return chosen
