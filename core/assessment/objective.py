"""A task's own measures over a whole split, as the curves of its job show them for a part of it."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from core.assessment.section import Section
from core.data import Samples
from core.objectives.base import Objective, chunks
from core.spec.task import TaskSpec

_AGREES = 0.02
"""How far the mean over blocks may be from the value over all samples, relative to it, so that the blocks' values are terms of it."""
_LEAST_BLOCKS = 8


def objective_section(
    objective: Objective,
    task: type[TaskSpec],
    samples: Samples,
    *,
    batch_size: int,
    identity: str,
    noun: str,
    tell: Callable[[float], object],
) -> Section:
    """The measures of `Objective.evaluate` over all samples.

    Their intervals come from blocks of ``batch_size`` samples, which are evaluated by themselves; a measure that is no mean over
    the blocks, neither of its values nor of their logarithms, has none.
    """
    indices = np.arange(len(samples), dtype=np.int64)
    values = _named(objective.evaluate(samples, indices, batch_size))
    tell(0.5)
    blocks: list[Mapping[str, float]] = []
    parts = list(chunks(indices, batch_size))
    if len(parts) >= _LEAST_BLOCKS:
        for number, part in enumerate(parts, 1):
            blocks.append(_named(objective.evaluate(samples, part, batch_size)))
            tell(0.5 + 0.5 * number / len(parts))
    weights = np.array([len(part) for part in parts], dtype=np.float64)
    means = {name: mean for name, value in values.items() if (mean := _mean(name, value, blocks, weights))}

    def measure(counts: NDArray[np.int64]) -> dict[str, float]:
        return {name: mean(counts) for name, mean in means.items()}

    return Section(
        name="task",
        counted=(
            f"The task's own measures over all {len(samples):,} {noun}, as its curves show them for a part of these. Intervals are "
            f"over {len(parts):,} blocks of {batch_size:,}."
        ),
        unit="blocks",
        units=len(parts),
        identity=f"blocks of {batch_size} of {len(samples)} {noun} {identity}",
        values=values,
        metrics=task.metrics,
        measure=measure if means else None,
    )


def _named(values: Mapping[str, float]) -> dict[str, float]:
    return {name.removeprefix("eval/"): value for name, value in values.items()}


def _mean(
    name: str, value: float, blocks: list[Mapping[str, float]], weights: NDArray[np.float64]
) -> Callable[[NDArray[np.int64]], float] | None:
    """The measure as a mean over resampled blocks, arithmetic or geometric; None if it is neither."""
    series = np.array([block.get(name, np.nan) for block in blocks], dtype=np.float64)
    if not len(series) or not np.isfinite(series).all() or not np.isfinite(value):
        return None

    def arithmetic(counts: NDArray[np.int64]) -> float:
        return float(counts @ (weights * series) / (counts @ weights))

    every = np.ones(len(series), dtype=np.int64)
    if abs(arithmetic(every) - value) <= _AGREES * abs(value):
        return arithmetic
    if value <= 0 or (series <= 0).any():
        return None

    def geometric(counts: NDArray[np.int64]) -> float:
        return float(np.exp(counts @ (weights * np.log(series)) / (counts @ weights)))

    return geometric if abs(geometric(every) - value) <= _AGREES * abs(value) else None
