"""Decides which recordings are held out."""

from collections.abc import Sequence
from typing import Any

from core.data.errors import DataError
from core.formats.splits import Recorded, split_recordings


def held_out(recordings: Sequence[Recorded], fraction: float) -> list[bool]:
    """Which of the recordings are held out: `split_recordings`.

    Raises:
        DataError: ``data_too_small``, where one of the splits would be empty.
    """
    if len(recordings) < 2:
        raise _too_small(
            f"The data holds {len(recordings)} different recording{'s' * (not recordings)}",
            case="recordings",
            recordings=len(recordings),
        )
    decisions = split_recordings(recordings, fraction)
    if decisions is None:
        raise _too_small(
            "All recordings are held out: they are all of one group, or all of one split", case="all_held_out"
        )
    return decisions


def _too_small(what: str, **params: Any) -> DataError:
    return DataError(
        "data_too_small",
        f"{what}; training and evaluation need at least one each",
        "Add recordings, or change data.audio.group_pattern or the folders that name splits.",
        **params,
    )
