"""Learning rate as a pure function of the step."""

import math

from core.spec import Schedule


def learning_rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """The share of the peak learning rate that step ``step`` (1 … ``steps``) trains with.

    Linear from zero over the warm-up, 1 at its last step; then the decay (cosine: Loshchilov and
    Hutter 2017, arXiv 1608.03983), which reaches ``final_fraction`` at the last step.
    """
    if step < schedule.warmup_steps:
        return step / schedule.warmup_steps
    if schedule.kind == "constant" or step == schedule.warmup_steps:
        return 1.0
    done = (step - schedule.warmup_steps) / (steps - schedule.warmup_steps)
    shape = (1.0 - done) if schedule.kind == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
    return schedule.final_fraction + (1.0 - schedule.final_fraction) * shape
