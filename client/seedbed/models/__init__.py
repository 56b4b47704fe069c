"""Pydantic models of the service's responses.

A newer service may add fields: they are kept as attributes, and are never an error. For the same reason a field with
a fixed set of values in the service (a state, a device) is a plain string here.
"""

from seedbed.models.base import TERMINAL, Page, Resource
from seedbed.models.checkpoints import Checkpoint, CheckpointFile
from seedbed.models.datasets import (
    Added,
    Continuation,
    Dataset,
    DatasetDetail,
    DatasetFile,
    FileNote,
    FilesPassedOver,
    Preview,
    PreviewDocument,
)
from seedbed.models.history import End, Event, Log, MetricPoint, Metrics, Sample, Series
from seedbed.models.jobs import (
    Failure,
    Job,
    JobFacts,
    JobSummary,
    Lineage,
    LineageNode,
    Parent,
    Pause,
    Progress,
    Validation,
    WaitingReason,
)
from seedbed.models.keys import CreatedKey, Key, Project, Session
from seedbed.models.lineages import (
    Continual,
    Forgetting,
    LineageStop,
    Measure,
    PlannedLineage,
    PlannedLineageSummary,
    PlannedStage,
    Stage,
)
from seedbed.models.predictions import (
    Prediction,
    PredictionEvent,
    PredictionLoading,
    PredictionPart,
    PredictionPlace,
)
from seedbed.models.system import Queue, StorageState, System, WorkerCounts
from seedbed.models.tasks import Metric, Network, Opening, PredictionKind, Recipe, Task
from seedbed.models.usage import DiskUsage, KindUsage, Usage
from seedbed.models.workers import Worker
from seedbed.short_jobs.base import FilesShortJob, ShortJob
from seedbed.short_jobs.estimate import Estimate, EstimateResult, LargestBatch, Peak, Range
from seedbed.short_jobs.evaluation import Evaluation, EvaluationResult
from seedbed.short_jobs.export import Export, ExportCheck, ExportResult
from seedbed.short_jobs.preview import JobPreview, PreviewResult, ShownThing

__all__ = [
    "TERMINAL",
    "Added",
    "Checkpoint",
    "CheckpointFile",
    "Continual",
    "Continuation",
    "CreatedKey",
    "Dataset",
    "DatasetDetail",
    "DatasetFile",
    "DiskUsage",
    "End",
    "Estimate",
    "EstimateResult",
    "Evaluation",
    "EvaluationResult",
    "Event",
    "Export",
    "ExportCheck",
    "ExportResult",
    "Failure",
    "FileNote",
    "FilesPassedOver",
    "FilesShortJob",
    "Forgetting",
    "Job",
    "JobFacts",
    "JobPreview",
    "JobSummary",
    "Key",
    "KindUsage",
    "LargestBatch",
    "Lineage",
    "LineageNode",
    "LineageStop",
    "Log",
    "Measure",
    "Metric",
    "MetricPoint",
    "Metrics",
    "Network",
    "Opening",
    "Page",
    "Parent",
    "Pause",
    "Peak",
    "PlannedLineage",
    "PlannedLineageSummary",
    "PlannedStage",
    "Prediction",
    "PredictionEvent",
    "PredictionKind",
    "PredictionLoading",
    "PredictionPart",
    "PredictionPlace",
    "Preview",
    "PreviewDocument",
    "PreviewResult",
    "Progress",
    "Project",
    "Queue",
    "Range",
    "Recipe",
    "Resource",
    "Sample",
    "Series",
    "Session",
    "ShortJob",
    "ShownThing",
    "Stage",
    "StorageState",
    "System",
    "Task",
    "Usage",
    "Validation",
    "WaitingReason",
    "Worker",
    "WorkerCounts",
]
