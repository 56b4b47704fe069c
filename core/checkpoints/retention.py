"""Retention of checkpoints: which ones are kept, which one is the best, and which one a run resumes from.

One set of rules for the run directory and for the service's storage; without torch.
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from core.spec.metrics import higher_is_better
from core.spec.training import CheckpointRetention


class Written(Protocol):
    """A checkpoint, wherever it is stored."""

    @property
    def step(self) -> int: ...
    @property
    def attempt(self) -> int:
        """The attempt at the job that wrote it; the same number for all where there are no attempts."""

    @property
    def metrics(self) -> Mapping[str, Any]: ...


_W = TypeVar("_W", bound=Written)
_C = TypeVar("_C")
_O = TypeVar("_O")
_E = TypeVar("_E", bound=Exception)


def newest_first(checkpoints: Iterable[_W]) -> list[_W]:
    """In the order in which a run tries to resume from them: highest step first, then latest attempt first."""
    return sorted(checkpoints, key=lambda checkpoint: (checkpoint.step, checkpoint.attempt), reverse=True)


def expired(
    checkpoints: Iterable[_W], retention: CheckpointRetention, needed: Collection[_W] = ()
) -> list[_W]:
    """The checkpoints that ``retention`` does not keep, oldest step first.

    Args:
        checkpoints: All existing checkpoints of a job. Of two at the same step only the later attempt's counts.
            needed: Checkpoints that are kept regardless of the rule.
    """
    oldest_first = newest_first(checkpoints)[::-1]
    current = {checkpoint.step: checkpoint for checkpoint in oldest_first}
    steps = kept_steps({step: checkpoint.metrics for step, checkpoint in current.items()}, retention)
    kept = [current[step] for step in steps]
    stays = {id(checkpoint) for checkpoint in (*kept, *needed)}
    return [checkpoint for checkpoint in oldest_first if id(checkpoint) not in stays]


def first_whole(
    candidates: Iterable[_C],
    open_: Callable[[_C], _O],
    damage: type[_E],
    tell: Callable[[_C, _E], object],
) -> _O | None:
    """The first candidate that opens; None if none does, in which case a run starts from step 0.

    Args:
        candidates: Newest first.
        open_: Opens one, and checks that it is whole.
        damage: What ``open_`` raises for one that is not whole.
        tell: Called for each candidate that is skipped.
    """
    for candidate in candidates:
        try:
            return open_(candidate)
        except damage as error:
            tell(candidate, error)
    return None


def kept_steps(metrics: Mapping[int, Mapping[str, Any]], retention: CheckpointRetention) -> set[int]:
    """The steps whose checkpoints are kept; the newest always is.

    Args:
        metrics: Each checkpoint's metrics by its step.
    """
    steps = sorted(metrics)
    kept = set(steps[-retention.keep_last :])
    kept.update(step for step in steps if is_kept_permanently(step, retention))
    if retention.keep_best is not None:
        best = best_step(metrics, retention.keep_best)
        kept.update([] if best is None else [best])
    return kept


def is_kept_permanently(step: int, retention: CheckpointRetention) -> bool:
    """Whether the checkpoint of a step is kept regardless of how many come after it."""
    return retention.keep_every is not None and step % retention.keep_every == 0


def best_step(metrics: Mapping[int, Mapping[str, Any]], name: str) -> int | None:
    """The step with the best finite value of the metric, the newest of equal ones; None if there is no value."""
    sign = 1 if higher_is_better(name) else -1
    valued = [step for step, values in metrics.items() if _is_number(values.get(name))]
    return max(valued, key=lambda step: (sign * metrics[step][name], step), default=None)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
