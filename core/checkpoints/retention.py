"""Which checkpoints stay: one rule for the run directory and for the service's storage."""

import math
from collections.abc import Mapping
from typing import Any

from core.spec.metrics import higher_is_better
from core.spec.training import CheckpointRetention


def kept_steps(metrics: Mapping[int, Mapping[str, Any]], retention: CheckpointRetention) -> set[int]:
    """The steps whose checkpoints stay; the newest always does.

    Args:
        metrics: Each checkpoint's metrics by its step.
    """
    steps = sorted(metrics)
    kept = set(steps[-retention.keep_last :])
    if retention.keep_every is not None:
        kept.update(step for step in steps if step % retention.keep_every == 0)
    if retention.keep_best is not None:
        best = best_step(metrics, retention.keep_best)
        kept.update([] if best is None else [best])
    return kept


def best_step(metrics: Mapping[int, Mapping[str, Any]], name: str) -> int | None:
    """The step with the best finite value of the metric, of equals the newest; None where none has one."""
    sign = 1 if higher_is_better(name) else -1
    valued = [step for step, values in metrics.items() if _is_number(values.get(name))]
    return max(valued, key=lambda step: (sign * metrics[step][name], step), default=None)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
