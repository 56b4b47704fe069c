"""From ``training.epochs`` to steps: the one place that converts between the two.

An epoch is one pass through the training split: as many samples as it has. A step may span two epochs
(`core.data.sampling`), so an epoch need not be a whole number of steps.
"""

import math
from fractions import Fraction

from core.spec.job import JobSpec
from core.spec.problems import SpecError, SpecProblem, validate
from core.spec.training import MOST_STEPS, TrainingSpec


def steps_of(epochs: float, *, samples: int, batch_size: int) -> int:
    """The number of steps that go through ``samples`` samples ``epochs`` times, rounded up; at least 1.

    ``epochs`` counts as the decimal number that was written, so 0.1 epochs of 30 samples are exactly three.
    """
    return max(1, math.ceil(Fraction(repr(epochs)) * samples / batch_size))


def most_steps(training: TrainingSpec, samples: int) -> int:
    """The number of steps with a training split of ``samples`` samples; with ``batch_size: auto``, and where ``samples`` is an
    upper bound, an upper bound."""
    if training.epochs is None:
        return training.total_steps
    steps = steps_of(training.epochs, samples=samples, batch_size=training.least_sequences_per_step)
    return min(steps, MOST_STEPS) if training.batch_size == "auto" else steps


def with_steps(job: JobSpec, steps: int) -> JobSpec:
    """The job with a number of steps in place of its epochs.

    Raises:
        SpecError: there are too many, or a field that is relative to the steps, such as ``training.schedule.warmup_steps``,
            does not fit them. Such a field that does not fit an upper bound of the steps fits no smaller number.
    """
    if job.training.epochs is None:
        return job
    if steps > MOST_STEPS:
        message = f"{job.training.epochs:g} epochs are {steps:,} steps, and a job may have {MOST_STEPS:,}: ask for fewer epochs"
        params = {"epochs": job.training.epochs, "steps": steps, "most": MOST_STEPS}
        raise SpecError([SpecProblem("training.epochs", "too_many_steps", message, params=params)])
    document = job.model_dump(mode="json")
    document["training"] |= {"steps": steps, "epochs": None}
    return validate(document)
