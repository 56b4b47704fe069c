"""The run's network on the data of an earlier stage."""

from collections.abc import Mapping

from torch import Tensor

from core.continual.earlier import Stage
from core.continual.measuring import reading
from core.objectives.base import Objective
from core.spec.job import JobSpec
from core.training.devices import Place


def reading_of(stage: Stage, settled: JobSpec) -> Objective:
    """An objective that reads the data of a stage, with fresh weights.

    Args:
        settled: The job that is run, with every ``auto`` decided.
    """
    return reading(settled.model_copy(update={"data": stage.job.data}), stage.data, stage.among)


def opened(stage: Stage, settled: JobSpec, weights: Mapping[str, Tensor], place: Place) -> Objective:
    """The same with given weights, in evaluation mode.

    Args:
        weights: A ``state_dict()`` of the run's objective.
    """
    objective = reading_of(stage, settled)
    objective.load_state_dict(weights)
    objective.restored()
    return objective.to(place.device).eval()
