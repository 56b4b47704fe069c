"""Which checkpoints may go. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from core.checkpoints.retention import kept_steps
from core.spec.training import CheckpointRetention


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
    oldest_first = sorted(checkpoints, key=lambda c: (c.step, c.attempt))
    current = {checkpoint.step: checkpoint for checkpoint in oldest_first}
    steps = kept_steps({step: checkpoint.metrics for step, checkpoint in current.items()}, rule)
    kept = {current[step].id for step in steps}
    return [c for c in oldest_first if c.id not in kept and c.id not in needed]
