"""Warnings at submit about intervals in the spec that are shorter than a worker writes checkpoints or points. Pure."""

from control.schemas import ProblemDetail
from core.spec.job import JobSpec

_MANY_CHECKPOINTS = 1_000
_MANY_POINTS = 20_000
"""Steps whose points are kept at any interval: more than a chart shows."""


def warnings(
    spec: JobSpec, steps: int | None, *, checkpoint_seconds: float, point_seconds: float
) -> list[ProblemDetail]:
    """One warning for each interval of the spec that a long run would not keep.

    Args:
        steps: Of the job, or an upper bound; None if neither is known.
        checkpoint_seconds: Least time between two checkpoints of a worker.
        point_seconds: Least time between two steps whose points are kept.
    """
    training, found = spec.training, []
    steps = steps or 0
    every, seconds = training.checkpoint_every, training.checkpoint_every_seconds
    if seconds is not None and seconds < checkpoint_seconds:
        found.append(
            ProblemDetail(
                param="training.checkpoint_every_seconds",
                code="checkpoints_too_frequent",
                message=f"once many are written, checkpoints are at least {checkpoint_seconds:g} s apart here",
                params={"seconds": checkpoint_seconds},
            )
        )
    elif every is not None and checkpoint_seconds > 0 and steps // every > _MANY_CHECKPOINTS:
        found.append(
            ProblemDetail(
                param="training.checkpoint_every",
                code="checkpoints_too_frequent",
                message=(
                    f"it asks for {steps // every:,} checkpoints; once many are written, they are at least "
                    f"{checkpoint_seconds:g} s apart here"
                ),
                params={
                    "case": "steps",
                    "checkpoints": steps // every,
                    "seconds": checkpoint_seconds,
                },
            )
        )
    for name, every in (("log_every", training.log_every), ("evaluate_every", training.evaluate_every)):
        if every is not None and point_seconds > 0 and steps // every > _MANY_POINTS:
            found.append(
                ProblemDetail(
                    param=f"training.{name}",
                    code="points_too_frequent",
                    message=(
                        f"it asks for points of {steps // every:,} steps; once many are written, they are at "
                        f"least {point_seconds:g} s apart here"
                    ),
                    params={"steps": steps // every, "seconds": point_seconds},
                )
            )
    return found
