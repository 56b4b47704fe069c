"""Learning from the outputs of a trained network: the block ``distillation`` of a job."""

from typing import Annotated

from pydantic import Field

from core.spec.base import Spec

Weight = Annotated[float, Field(ge=0.0, le=1000.0)]


class Distillation(Spec):
    """The teacher, and what of it the student is to match (Hinton et al. 2015, arXiv 1503.02531)."""

    teacher: Annotated[str, Field(pattern=r"^ckpt_[0-9a-z]{26}$")] | None = None
    """Id of a checkpoint of the project. A run without a service is given its directory on the command line instead."""
    temperature: Annotated[float, Field(gt=0.0, le=100.0)] = 2.0
    """Divides the outputs of both networks before the softmax."""
    logits: Weight = 0.5
    """Weight of the difference between the outputs of student and teacher."""
    task: Weight = 0.5
    """Weight of the task's own loss."""
