"""Seedbed from Python: upload text, submit a pretraining job, watch it, download the checkpoint.

with seedbed.Client() as client:
    dataset = client.datasets.create("my text")
    client.datasets.upload(dataset.id, "corpus/")
    client.datasets.complete(dataset.id)
    job = client.jobs.submit("job.yaml", dataset=dataset.id)
    for update in client.jobs.watch(job.id):
        ...
"""

from seedbed.client import Client
from seedbed.errors import (
    ApiError,
    BadRequest,
    Conflict,
    DownloadDamaged,
    Forbidden,
    Invalid,
    InvalidFile,
    NotConfigured,
    NotFound,
    ProblemDetail,
    RateLimited,
    SeedbedError,
    ServerError,
    StorageFull,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unreachable,
    UnsafePath,
)
from seedbed.models import (
    Checkpoint,
    Dataset,
    End,
    Estimate,
    Evaluation,
    Event,
    Export,
    Job,
    JobPreview,
    JobSummary,
    MetricPoint,
    Prediction,
    PredictionLoading,
    PredictionPart,
    PredictionPlace,
    Progress,
    Sample,
    Task,
)

__all__ = [
    "ApiError",
    "BadRequest",
    "Checkpoint",
    "Client",
    "Conflict",
    "Dataset",
    "DownloadDamaged",
    "End",
    "Estimate",
    "Evaluation",
    "Event",
    "Export",
    "Forbidden",
    "Invalid",
    "InvalidFile",
    "Job",
    "JobPreview",
    "JobSummary",
    "MetricPoint",
    "NotConfigured",
    "NotFound",
    "Prediction",
    "PredictionLoading",
    "PredictionPart",
    "PredictionPlace",
    "ProblemDetail",
    "Progress",
    "RateLimited",
    "Sample",
    "SeedbedError",
    "ServerError",
    "StorageFull",
    "Task",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "UnsafePath",
]
