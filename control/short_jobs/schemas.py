"""Short jobs over HTTP: work that a worker does for somebody who waits for the result."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from control.checkpoints.schemas import CheckpointFile
from control.lifecycle.schemas import Failure
from control.samples.schemas import MediaType
from control.schemas import Body, Resource
from core.spec.job import JobSpec

ShortJobState = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]


class ShortJobOut(Resource):
    id: str
    state: ShortJobState
    """``result`` is there once it ``succeeded``, ``failure`` once it ``failed``."""
    waiting_reason: str | None
    """Why a queued short job does not run yet."""
    phase: Literal["staging", "preparing", "training", "saving"] | None
    """What the worker is at; ``training`` is the work itself."""
    phase_fraction: float | None
    """Of staging or preparing, 0 to 1; none where it is not known."""
    worker: str | None
    failure: Failure | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class StepTime(Resource):
    """Over the steps that were timed, in seconds."""

    median: float
    low: float
    """The tenth part of the steps was at least so fast."""
    high: float
    """The tenth part of the steps was at least so slow."""


class Eta(Resource):
    """Of the whole job, in seconds: preparing its data, all its steps, its evaluations."""

    seconds: float
    low: float
    """If every step were as fast as the fast ones that were timed."""
    high: float
    """If every step were as slow as the slow ones."""


class LargestBatch(Resource):
    """How many samples fit on the device at once (``batch_size`` / ``accumulation_steps``)."""

    samples: int
    bytes_per_sample: float
    """What each further one takes."""
    limit_bytes: int
    """What the device has, a reserve left."""
    how: str


class Peak(Resource):
    """What the device could do at best."""

    flops_per_s: float
    how: str
    """Measured with which products, or published by whom."""


class EstimateResult(Resource):
    device: str
    device_name: str
    threads: int
    precision: str
    parameters: int
    steps_timed: int
    step_seconds: StepTime
    samples_per_s: float
    tokens_per_s: float | None
    """None where samples have no tokens."""
    peak_memory_bytes: int
    """On a GPU of the device; on a CPU of the whole process."""
    largest_batch: LargestBatch | None
    """Where it was asked for."""
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


class EstimateOut(ShortJobOut):
    object: Literal["estimate"] = "estimate"
    spec: JobSpec
    result: EstimateResult | None


ExportFormat = Literal["onnx"]


class ExportIn(Body):
    """What to make of a checkpoint."""

    format: ExportFormat
    """``onnx``: one file that ONNX Runtime opens, batch and sequence of any size."""


class ExportCheck(Resource):
    """The exported network beside the original, on inputs that it was not exported with."""

    runtime: str
    inputs: int
    """How many batches, of different sizes, were compared."""
    largest_difference: float
    """Of an output, absolute."""
    tolerance: float
    """What it had to stay below."""


class ExportResult(Resource):
    architecture: str
    """As `transformers` calls it."""
    opset: int
    inputs: list[str]
    outputs: list[str]
    parameters: int
    check: ExportCheck


class ExportOut(ShortJobOut):
    object: Literal["export"] = "export"
    checkpoint: str
    job: str
    step: int
    format: ExportFormat
    files: list[CheckpointFile] = Field(default_factory=list)
    bytes: int
    """Of all files."""
    result: ExportResult | None


class ShownThing(Resource):
    """A picture or a text; `GET /v1/previews/{id}/files/{name}` has it."""

    name: str
    media_type: MediaType
    bytes: int
    sha256: str


class PreviewResult(Resource):
    shown: list[ShownThing]
    """Pictures are sheets: a column a sample, a row a view, or a state of one."""


class PreviewOut(ShortJobOut):
    object: Literal["preview"] = "preview"
    spec: JobSpec
    samples: int
    """The first so many of the step's batch."""
    step: int
    result: PreviewResult | None
