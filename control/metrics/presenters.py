"""Metric points and buckets as they go over HTTP: columns of steps, values and times."""

import math
from collections.abc import Iterable, Sequence

from control.metrics.repository import Bucket, WrittenPoint
from control.metrics.schemas import Series


def present_points(points: Iterable[WrittenPoint]) -> dict[str, Series]:
    """Name of a metric → its points, in the given order."""
    series: dict[str, Series] = {}
    for point in points:
        column = series.setdefault(point.name, Series(steps=[], values=[], times=[]))
        column.steps.append(point.step)
        column.values.append(finite(point.value))
        column.times.append(point.time)
        if not math.isfinite(point.value):
            column.not_finite[str(point.step)] = repr(point.value)
    return series


def present_buckets(column: Sequence[Bucket]) -> Series:
    """The buckets of one metric."""
    together = any(bucket.points > 1 for bucket in column)
    return Series(
        steps=[bucket.step for bucket in column],
        values=[finite(bucket.value) for bucket in column],
        times=[bucket.time for bucket in column],
        min=[bucket.least for bucket in column] if together else None,
        max=[bucket.greatest for bucket in column] if together else None,
        not_finite=_odd(column),
    )


def _odd(column: Sequence[Bucket]) -> dict[str, str]:
    """For each bucket, its first value that is not finite, and its last value if that is not finite."""
    found = {}
    for bucket in column:
        if bucket.odd_step is not None and bucket.odd_value is not None:
            found[str(bucket.odd_step)] = repr(bucket.odd_value)
        if not math.isfinite(bucket.value):
            found[str(bucket.step)] = repr(bucket.value)
    return found


def finite(value: float) -> float | None:
    """The value, or None if JSON cannot represent it."""
    return value if math.isfinite(value) else None
