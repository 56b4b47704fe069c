"""Estimates: a few real steps of a job that was not submitted, on the worker that would run it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from control.schemas import Resource
from control.short_jobs.kind import FromSpec, Kind, ShortJobOut
from core.spec.stored import StoredSpec


class EstimateOptions(BaseModel):
    largest_batch: Annotated[
        bool, Field(description="Find out as well how many samples fit on the device at once.")
    ] = False


class StepTime(Resource):
    """Seconds per step over the steps that were timed."""

    median: float
    low: float
    """Lowest decile: a tenth of the steps took at most this."""
    high: float
    """Highest decile: a tenth of the steps took at least this."""


class Eta(Resource):
    """Of the whole job, in seconds: preparing its data, all its steps, its evaluations."""

    seconds: float
    low: float
    """If every step took the lowest decile."""
    high: float
    """If every step took the highest decile."""


class LargestBatch(Resource):
    """The largest micro-batch that fits on the device (``batch_size`` / ``accumulation_steps``)."""

    samples: int
    bytes_per_sample: float
    """Memory of each further sample."""
    limit_bytes: int
    """Memory of the device less a reserve."""
    how: str


class Peak(Resource):
    """Peak performance of the device."""

    flops_per_s: float
    how: str
    """How it was measured, or who published it."""


class EstimateResult(Resource):
    device: str
    device_name: str
    threads: int
    precision: str
    parameters: int
    trainable_parameters: int | None = None
    """Number of those that are trained. Null in an estimate that was made before jobs had an ``adaptation``."""
    steps_timed: int
    step_seconds: StepTime
    samples_per_s: float
    tokens_per_s: float | None
    """Null if samples have no tokens."""
    peak_memory_bytes: int
    """Peak memory: of the device on a GPU, of the whole process on a CPU."""
    largest_batch: LargestBatch | None
    """Set if it was requested."""
    eta: Eta
    flops_per_step: float
    """Forward and backward, as `torch.utils.flop_counter` counts them."""
    peak: Peak
    utilization: float
    """Model FLOPs utilisation (PaLM, arXiv 2204.02311): flops_per_step / seconds / peak."""
    evaluation_seconds: float
    preparation_seconds: float
    data_sampled: bool
    """The data is large: the estimate prepared a part of it, and its tokenizer saw no more."""
    steps: int | None = None
    """Of the whole job. Where it gives epochs and `data_sampled`, extrapolated by the size of the files."""
    steps_per_epoch: float | None = None
    """Likewise; null in estimates of earlier versions."""


class EstimateOut(ShortJobOut):
    object: Literal["estimate"] = "estimate"
    spec: StoredSpec
    result: EstimateResult | None


def _arguments(options: Mapping[str, Any], memory_bytes: int) -> list[str]:
    return ["--largest-batch", "--memory-bytes", str(memory_bytes)] if options["largest_batch"] else []


KIND = Kind(
    name="estimate",
    prefix="est",
    starts_from=FromSpec(),
    options=EstimateOptions,
    out=EstimateOut,
    result=EstimateResult.model_validate,
    event="estimate",
    arguments=_arguments,
    steps=100,  # progress in percent
)
