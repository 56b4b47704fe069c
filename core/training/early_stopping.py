"""Early stopping: ends a run once a measure has not improved for some evaluations."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from core.events import Events
from core.spec.metrics import higher_is_better
from core.spec.training import EarlyStoppingSpec


@dataclass
class EarlyStopping:
    """The best value of a measure so far, and how long ago it was. Its state is part of every checkpoint, so that a
    run that resumes counts on. Without a spec it never ends a run."""

    spec: EarlyStoppingSpec | None = None
    best: float | None = None
    best_step: int = 0
    waited: int = 0
    """Evaluations since the best one."""

    @classmethod
    def resumed(cls, spec: EarlyStoppingSpec | None, state: Mapping[str, Any] | None) -> Self:
        """The state of a run at a checkpoint.

        Args:
            state: What the checkpoint kept; None for a run from its first step, or if its spec asked for none.
        """
        return cls(spec, **(state or {})) if spec else cls()

    def observe(self, values: Mapping[str, float], step: int) -> bool:
        """Take the measures of an evaluation; whether the value is the best so far. NaN is no improvement."""
        if self.spec is None:
            return False
        value = values.get(self.spec.metric, math.nan)
        sign = 1 if higher_is_better(self.spec.metric) else -1
        improved = math.isfinite(value) and (
            self.best is None or sign * (value - self.best) > self.spec.min_delta
        )
        if improved:
            self.best, self.best_step, self.waited = value, step, 0
        else:
            self.waited += 1
        return improved

    @property
    def is_over(self) -> bool:
        """Whether the run ends."""
        return self.spec is not None and self.waited >= self.spec.patience

    @property
    def kept(self) -> dict[str, Any]:
        """What a checkpoint keeps, by its name there."""
        if self.spec is None:
            return {}
        return {"early_stopping": {"best": self.best, "best_step": self.best_step, "waited": self.waited}}

    def report(self, events: Events, step: int, steps: int) -> None:
        """Emit the event ``stopped_early``, if the run ends before the last of ``steps``."""
        if self.spec is None or step == steps:
            return
        events.emit(
            "stopped_early",
            step=step,
            steps=steps,
            metric=self.spec.metric,
            patience=self.spec.patience,
            best=self.best,
            best_step=self.best_step,
        )
