"""Decides which samples are held out, by their content: a sample keeps its split when the dataset grows.

The engine uses these rules when it prepares a dataset. Admission uses the same rules to predict the result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.formats.content import content_hash


def threshold(fraction: float) -> int:
    """The number that a 64-bit hash is below with probability ``fraction``."""
    return int(fraction * 2**64)


def by_hash(hashes: Sequence[int], fraction: float) -> list[bool]:
    """Which of the samples are held out: those whose hash is below the fraction ``fraction`` of the range of hashes.

    If that leaves one of the splits empty, the first sample with the smallest hash is held out alone.

    Args:
        hashes: 64-bit hashes of distinct samples, at least one.
    """
    limit = threshold(fraction)
    chosen = [value < limit for value in hashes]
    if all(chosen) or not any(chosen):
        smallest = min(range(len(hashes)), key=lambda number: hashes[number])
        return [number == smallest for number in range(len(hashes))]
    return chosen


def stratified(hashes: Sequence[int], strata: Sequence[int], fraction: float) -> list[bool]:
    """Which of the samples are held out: of each stratum the share ``fraction``, those with the smallest hashes.

    Of a stratum of two samples or more at least one is held out, and at least one is not. A stratum of one sample is not held
    out.

    Args:
        hashes: 64-bit hashes of distinct samples.
        strata: Number of each sample's stratum, such as its class.
    """
    members: dict[int, list[int]] = {}
    for number, stratum in enumerate(strata):
        members.setdefault(stratum, []).append(number)
    chosen = [False] * len(hashes)
    for numbers in members.values():
        count = min(max(1, round(len(numbers) * fraction)), len(numbers) - 1)
        for number in sorted(numbers, key=lambda number: hashes[number])[:count]:
            chosen[number] = True
    return chosen


@dataclass(frozen=True)
class Recorded:
    """The facts about one recording that the split depends on."""

    content: int
    """64-bit hash of the encoded file."""
    group: str | None
    """The speaker or the source that was recorded."""
    held_out: bool
    """Whether the dataset itself holds it out."""


def split_recordings(recordings: Sequence[Recorded], fraction: float) -> list[bool] | None:
    """Which of the recordings are held out. None where all would be, so that no training split is left.

    * If the dataset itself holds some out (a folder ``test``): those.
    * Else, if there are groups: all recordings of each group whose name's hash is below the fraction ``fraction`` of the
      range of hashes. If that is no group or all groups: the group with the smallest hash. Recordings without a group are
      for training.
    * Else: `by_hash` of their content.

    Args:
        recordings: Distinct recordings, at least two.
    """
    groups = {one.group for one in recordings if one.group is not None}
    if any(one.held_out for one in recordings):
        decisions = [one.held_out for one in recordings]
    elif groups:
        hashes = {group: content_hash(group.encode()) for group in groups}
        chosen = _groups_below(hashes, fraction, others_train=any(one.group is None for one in recordings))
        decisions = [one.group in chosen for one in recordings]
    else:
        decisions = by_hash([one.content for one in recordings], fraction)
    return None if all(decisions) else decisions


def _groups_below(hashes: Mapping[str, int], fraction: float, *, others_train: bool) -> set[str]:
    """The groups below the threshold. If that is none, or all while nothing else is for training: the one with the smallest hash."""
    limit = threshold(fraction)
    chosen = {name for name, value in hashes.items() if value < limit}
    if not chosen or (len(chosen) == len(hashes) and not others_train):
        return {min(hashes, key=lambda name: (hashes[name], name))}
    return chosen
