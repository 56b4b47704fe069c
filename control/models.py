"""Every table, imported in one place so that the metadata is whole."""

from control.base import Base
from control.checkpoints.models import Checkpoint
from control.datasets.models import Dataset, DatasetFile
from control.idempotency.models import IdempotentAnswer
from control.keys.models import ApiKey, EndedSession
from control.lifecycle.models import Attempt, Event, Job
from control.lineages.models import LineageStage, PlannedLineage, StageMeasure
from control.metrics.models import MetricName, MetricPoint
from control.projects.models import Project
from control.removals.models import Removal
from control.samples.models import Sample
from control.workers.models import Worker

__all__ = [
    "ApiKey",
    "Attempt",
    "Base",
    "Checkpoint",
    "Dataset",
    "DatasetFile",
    "EndedSession",
    "Event",
    "IdempotentAnswer",
    "Job",
    "LineageStage",
    "MetricName",
    "MetricPoint",
    "PlannedLineage",
    "Project",
    "Removal",
    "Sample",
    "StageMeasure",
    "Worker",
]
