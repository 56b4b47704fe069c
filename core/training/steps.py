"""The number of steps of a run whose spec gives ``training.epochs``."""

from core.data import Prepared
from core.spec.epochs import most_steps, steps_of, with_steps
from core.spec.job import JobSpec
from core.tasks.objectives import create_objective
from core.training.decisions import Decisions, Reason


def with_most_steps(job: JobSpec, data: Prepared, scale: float = 1.0) -> tuple[JobSpec, int]:
    """The job with as many steps as its epochs can become, for trial steps, and the number of training samples.

    The samples are those of the objective, which is built for this and dropped.

    Args:
        scale: How many times as large as ``data`` the job's own data are: estimates prepare a part of them.

    Raises:
        SpecError: a field of the spec does not fit so many steps.
    """
    counted = job.model_copy(
        update={"training": job.training.model_copy(update={"steps": 1, "epochs": None})}
    )
    samples = round(scale * len(create_objective(counted, data).samples("train")))
    return with_steps(job, most_steps(job.training, samples)), samples


def decide_steps(job: JobSpec, samples: int, decisions: Decisions) -> None:
    """Decide the number of steps of a job whose batch size is known, and report it."""
    epochs, size = job.training.epochs, job.training.sequences_per_step
    assert epochs is not None
    steps = steps_of(epochs, samples=samples, batch_size=size)
    reason = Reason(
        "epochs_in_steps",
        f"{epochs:g} epochs of {samples:,} samples, {size:,} a step.",
        {"epochs": epochs, "samples": samples, "batch_size": size},
    )
    decisions.make("steps", steps, reason)
