"""The forgetting matrix and the numbers that sum it up.

``R[i][j]`` is a measure of stage j's held-out part with the weights after stage i. Positive transfer is good, and positive
forgetting is bad, whether a higher or a lower value of the measure is better.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.spec.metrics import Direction

Row = Sequence[float | None]


@dataclass(frozen=True)
class Summary:
    """Of the stages 0 … T; each is None where nothing of what it is made of was measured."""

    last: int | None
    """T: the newest stage whose own held-out part was measured after it."""
    average: float | None
    """Mean over j ≤ T of R[T][j] (with accuracies, the average accuracy), in the measure's own unit and direction."""
    backward_transfer: float | None
    """Mean over j < T of R[T][j] - R[j][j] (Lopez-Paz and Ranzato 2017, arXiv 1706.08840): what later stages did to earlier ones.
    Negative: they made them worse."""
    forward_transfer: float | None
    """Mean over 0 < j ≤ T of R[j - 1][j] - fresh[j] (same paper): what earlier stages did for a later one before it was learned,
    beside freshly initialised weights. Positive: they helped."""
    forgetting: float | None
    """Mean over j < T of the best R[l][j] of all l < T, less R[T][j] (Chaudhry et al. 2018, arXiv 1801.10112). Positive: what was
    known was lost."""


def summarize(matrix: Sequence[Row], fresh: Row, better: Direction) -> Summary:
    """
    Args:
        matrix: R, square; None where nothing was measured. Above the diagonal only R[j - 1][j] is measured: by stage j, before
            its first step.
        fresh: Measure of each stage's held-out part with freshly initialised weights.
        better: Which direction of the measure is better. With ``lower``, all differences change their sign.
    """
    sign = 1.0 if better == "higher" else -1.0
    measured = [stage for stage in range(len(matrix)) if matrix[stage][stage] is not None]
    if not measured:
        return Summary(None, None, None, None, None)
    last = measured[-1]
    end = matrix[last]
    earlier = range(last)
    return Summary(
        last=last,
        average=_mean(end[: last + 1]),
        backward_transfer=_mean(_gain(end[j], matrix[j][j], sign) for j in earlier),
        forward_transfer=_mean(_gain(matrix[j - 1][j], fresh[j], sign) for j in range(1, last + 1)),
        forgetting=_mean(
            _gain(_best((matrix[row][j] for row in earlier), sign), end[j], sign) for j in earlier
        ),
    )


def _gain(now: float | None, before: float | None, sign: float) -> float | None:
    return None if now is None or before is None else sign * (now - before)


def _best(values: Iterable[float | None], sign: float) -> float | None:
    known = [value for value in values if value is not None]
    return max(known, key=lambda value: sign * value, default=None)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None
