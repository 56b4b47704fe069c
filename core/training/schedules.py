"""Learning rate as a pure function of the step."""

import math

from core.spec.schedule import Schedule


def learning_rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """The share of the peak learning rate that step ``step`` (1 … ``steps``) trains with.

    Linear from zero over the warm-up, 1 at its last step; then the decay, which reaches ``final_fraction`` at the last
    step: cosine (Loshchilov and Hutter 2017, arXiv 1608.03983), linear, or for ``warmup_stable_decay`` 1 - sqrt over
    the last ``decay_steps`` (Hägele et al. 2024, arXiv 2405.18392).
    """
    if step < schedule.warmup_steps:
        return step / schedule.warmup_steps
    first = schedule.warmup_steps
    if schedule.kind == "warmup_stable_decay":
        first = max(first, steps - (schedule.decay_steps or math.ceil(steps / 10)))
    if schedule.kind == "constant" or step <= first:
        return 1.0
    done = (step - first) / (steps - first)
    match schedule.kind:
        case "cosine":
            shape = 0.5 * (1.0 + math.cos(math.pi * done))
        case "linear":
            shape = 1.0 - done
        case _:
            shape = 1.0 - math.sqrt(done)
    return schedule.final_fraction + (1.0 - schedule.final_fraction) * shape
