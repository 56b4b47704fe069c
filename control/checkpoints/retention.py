"""Which checkpoints may go. Pure."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from core.spec import CheckpointRetention


class Retainable(Protocol):
    """What retention looks at."""

    @property
    def id(self) -> str: ...
    @property
    def step(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def metrics(self) -> Mapping[str, Any]: ...


RetainableT = TypeVar("RetainableT", bound=Retainable)


def expired(
    checkpoints: Sequence[RetainableT], rule: CheckpointRetention, needed: Collection[str] = ()
) -> list[RetainableT]:
    """The checkpoints that `rule` does not keep, oldest step first.

    Args:
        checkpoints: All of a job's that are still there. Of two at the same step only the newer attempt's counts.
        needed: Ids that are kept whatever the rule says.
    """
    newest_first = sorted(checkpoints, key=lambda c: (c.step, c.attempt), reverse=True)
    by_step = {checkpoint.step: checkpoint for checkpoint in reversed(newest_first)}
    current = [by_step[step] for step in sorted(by_step, reverse=True)]
    kept = {checkpoint.id for checkpoint in current[: rule.keep_last]}
    if rule.keep_every is not None:
        kept |= {c.id for c in current if c.step % rule.keep_every == 0}
    if rule.keep_best is not None:
        kept |= {c.id for c in [best(current, rule.keep_best)] if c is not None}
    return [c for c in reversed(newest_first) if c.id not in kept and c.id not in needed]


def best(checkpoints: Sequence[RetainableT], metric: str) -> RetainableT | None:
    """The checkpoint with the best finite value of `metric`; of equals the one that comes first."""
    valued = [c for c in checkpoints if _is_number(c.metrics.get(metric))]
    if not valued:
        return None
    sign = -1.0 if higher_is_better(metric) else 1.0
    return min(valued, key=lambda c: sign * float(c.metrics[metric]))


def higher_is_better(metric: str) -> bool:
    """Losses and perplexities should fall, accuracies should rise."""
    return metric.rpartition("/")[2].endswith("accuracy")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
