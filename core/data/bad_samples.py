"""``data.on_bad_sample: refuse``: refuses a dataset with too large a share of images or recordings that cannot be used."""

from collections.abc import Sequence

from core.data.errors import DataError
from core.data.prepared import SkippedSample
from core.formats.bad_share import too_many_bad


def refuse_many(kind: str, bad: int, seen: int, skipped: Sequence[SkippedSample]) -> None:
    """
    Args:
        kind: The kind of sample, in the plural.
        seen: The number of all samples, with the bad ones.
        skipped: The first of the bad samples.

    Raises:
        DataError: ``too_many_bad_samples``.
    """
    if not too_many_bad(bad, seen):
        return
    first = [sample.reason for sample in skipped[:3]]
    raise DataError(
        "too_many_bad_samples",
        f"{bad:,} of {seen:,} {kind} cannot be used, more than 1 %: {'; '.join(first)}",
        "Correct or remove them, or set data.on_bad_sample to skip.",
        kind=kind,
        bad=bad,
        seen=seen,
        first=first,
    )
