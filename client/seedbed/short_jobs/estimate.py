"""Estimates: the throughput, memory and time that a job would need."""

from typing import Any

from seedbed.models.base import Resource
from seedbed.short_jobs.base import ShortJob, ShortJobs


class Range(Resource):
    """Seconds: typical, and at the fast and the slow decile of the steps."""

    low: float
    high: float
    median: float | None = None
    seconds: float | None = None


class LargestBatch(Resource):
    samples: int
    bytes_per_sample: float
    limit_bytes: int
    how: str


class Peak(Resource):
    flops_per_s: float
    how: str


class EstimateResult(Resource):
    """The throughput, memory and time that a job would need, measured by a few of its real steps."""

    device: str
    device_name: str
    threads: int
    precision: str
    parameters: int
    trainable_parameters: int | None = None
    """Number of those that are trained; None if the service does not say."""
    steps_timed: int
    step_seconds: Range
    samples_per_s: float
    tokens_per_s: float | None = None
    peak_memory_bytes: int
    largest_batch: LargestBatch | None = None
    eta: Range
    flops_per_step: float
    peak: Peak
    utilization: float
    """Model FLOPs utilisation: achieved FLOP/s as a share of the device's peak (0 to 1)."""
    evaluation_seconds: float
    preparation_seconds: float
    data_sampled: bool
    steps: int | None = None
    """Of the whole job; approximate where it gives epochs and `data_sampled`."""
    steps_per_epoch: float | None = None


class Estimate(ShortJob):
    spec: dict[str, Any]
    result: EstimateResult | None = None


class Estimates(ShortJobs[Estimate]):
    """``client.estimates``; `Jobs.estimate` asks for one."""

    kind = "estimate"
    model = Estimate
