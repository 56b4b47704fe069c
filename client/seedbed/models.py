"""What the service answers with.

A newer service may add fields: they are kept, reachable as attributes, and never an error. What is a closed
set of words there (a state, a device) is a plain string here for the same reason.
"""

from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from seedbed.errors import ProblemDetail

TERMINAL = frozenset({"succeeded", "failed", "cancelled"})
"""States of a job that it never leaves."""

ItemT = TypeVar("ItemT")


class Resource(BaseModel):
    """The base of every answer."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())


class Page(Resource, Generic[ItemT]):
    data: list[ItemT]
    has_more: bool
    next: str | None = None


class FileNote(Resource):
    code: str
    message: str


class FilesPassedOver(Resource):
    kind: str
    """As names end, ``.docx``, or what they have in common."""
    files: int


class DatasetFile(Resource):
    name: str
    bytes: int
    sha256: str
    kind: str
    """``text``, ``jsonl``, ``csv``, ``parquet``, ``zip``, ``tar``, ``tokenizer``, ``image``, ``idx`` or
    ``audio``."""
    samples: int = 0
    """Documents, images or recordings, by the dataset's modality."""
    bad: int = 0
    """Images or recordings that cannot be decoded."""
    documents: int
    characters: int
    text_column: str | None = None
    delimiter: str | None = None
    """Between the fields of a CSV."""
    quote: str | None = None
    """Around them: ``"``, ``'`` or ``none``."""
    passed_over: list[FilesPassedOver] = []
    """Files in an archive that are not read, by kind."""
    notes: list[FileNote] = []
    """What was decided or left out as the file was read."""


class Dataset(Resource):
    id: str
    name: str
    modality: str
    state: str
    """``open`` while files are added, then ``ready``."""
    files: int
    bytes: int
    samples: int = 0
    """Documents, images or recordings, by the modality."""
    documents: int
    characters: int
    sha256: str | None = None
    statistics: dict[str, Any] = {}
    created_at: datetime
    completed_at: datetime | None = None


class DatasetDetail(Dataset):
    file_list: list[DatasetFile]


class PreviewDocument(Resource):
    file: str
    index: int
    text: str
    characters: int
    """Length of the whole document."""


class Preview(Resource):
    documents: list[PreviewDocument]


class Progress(Resource):
    phase: str | None = None
    """``staging``, ``preparing``, ``training`` or ``saving``."""
    phase_fraction: float | None = None
    step: int
    steps: int
    fraction: float
    eta_seconds: float | None = None


class Failure(Resource):
    code: str
    message: str
    hint: str | None = None
    details: dict[str, Any] = {}


class Pause(Resource):
    code: str
    """``collapsed``, ``quota_exceeded`` or ``disk_low``."""
    message: str
    hint: str | None = None


class Parent(Resource):
    job: str
    checkpoint: str


class JobFacts(Resource):
    """What a list and a single job tell alike."""

    id: str
    name: str
    dataset: str
    state: str
    """``queued``, ``running``, ``paused``, ``succeeded``, ``failed`` or ``cancelled``."""
    intent: str | None = None
    """A stop that was asked for and is being carried out."""
    waiting_reason: str | None = None
    """Why a queued job does not run yet."""
    priority: int
    attempt: int
    retries_used: int
    progress: Progress
    latest: dict[str, float | None]
    """Metric name → newest value."""
    pause: Pause | None = None
    """Why the service paused it; none where a person did."""
    seconds_used: float = 0.0
    """Of all attempts that have ended."""
    parent: Parent | None = None
    worker: str | None = None
    checkpoints: int
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether the job has come to its end."""
        return self.state in TERMINAL


class JobSummary(JobFacts):
    """A job in a list: of its spec the task and the network alone; `jobs.get` brings it whole."""

    task: str
    preset: str | None = None
    """None where the network's sizes are given one by one."""
    failure: Failure | None = None
    """Without its details."""


class Job(JobFacts):
    failure: Failure | None = None
    spec: dict[str, Any]


class KindUsage(Resource):
    count: int
    bytes: int
    limit_bytes: int | None = None
    """None: no quota."""


class DiskUsage(Resource):
    total_bytes: int
    free_bytes: int
    keep_free_bytes: int
    """Nothing more is taken in once less than this would be left."""


class Usage(Resource):
    """What a project takes up, and what it may."""

    project: str
    datasets: KindUsage
    checkpoints: KindUsage
    samples: KindUsage
    exports: KindUsage
    previews: KindUsage
    logs: KindUsage
    bytes: int
    """Of all kinds together."""
    leaving_bytes: int = 0
    """Of dropped checkpoints that are about to leave the storage."""
    disk: DiskUsage | None = None
    """None where the storage is a bucket."""


class LineageNode(Resource):
    id: str
    name: str
    state: str
    parent: Parent | None = None


class Lineage(Resource):
    job: str
    ancestors: list[LineageNode]
    """Parent first."""
    descendants: list[LineageNode]


class Validation(Resource):
    valid: bool
    errors: list[ProblemDetail]
    warnings: list[ProblemDetail]
    spec: dict[str, Any] | None = None
    """With every default written out."""
    parameters: int | None = None
    memory_bytes: int | None = None
    """Estimate of the peak of training."""


class Event(Resource):
    id: int
    job: str
    attempt: int
    type: str
    message: str
    data: dict[str, Any]
    time: datetime


class Log(Resource):
    job: str
    attempt: int
    text: str
    """The last lines."""
    bytes: int
    """Of the whole log."""
    complete: bool


class Series(Resource):
    """Points of one metric; the arrays are equally long. A value that is not finite is ``None``."""

    steps: list[int]
    values: list[float | None]
    times: list[float]
    """Unix seconds."""
    min: list[float | None] | None = None
    max: list[float | None] | None = None
    not_finite: dict[str, str] = {}
    """Step → ``nan``, ``inf`` or ``-inf``."""


class Metrics(Resource):
    job: str
    series: dict[str, Series]
    next: int
    """Cursor for `Jobs.metrics_since`."""
    has_more: bool = False


class MetricPoint(Resource):
    """What one step measured, as a watcher receives it."""

    step: int
    time: float
    """Unix seconds, by the clock of the machine that trains."""
    values: dict[str, float | str | None]
    """Metric name → value; one that is not finite comes as ``None`` or its name."""
    attempt: int | None = None


class End(Resource):
    """The job is over; the last thing a watcher receives."""

    state: str


class CheckpointFile(Resource):
    path: str
    bytes: int
    sha256: str


class Checkpoint(Resource):
    id: str
    job: str
    attempt: int
    step: int
    bytes: int
    files: list[CheckpointFile]
    metrics: dict[str, Any]
    """The last evaluation before it."""
    manifest_sha256: str
    created_at: datetime


class Sample(Resource):
    """Something that a run shows people: a continued text, a grid of pictures."""

    id: str
    job: str
    attempt: int
    step: int
    name: str
    media_type: str
    """``text/plain`` or ``image/png``."""
    bytes: int
    sha256: str
    created_at: datetime


class ShortJob(Resource):
    """Short work of a worker for whoever waits for its result."""

    id: str
    state: str
    """As a job's."""
    waiting_reason: str | None = None
    phase: str | None = None
    phase_fraction: float | None = None
    worker: str | None = None
    failure: Failure | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether the short job has come to its end."""
        return self.state in TERMINAL


class Range(Resource):
    """Seconds, and the same at a fast and at a slow pace."""

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
    """What a job would take, by a few of its real steps."""

    device: str
    device_name: str
    threads: int
    precision: str
    parameters: int
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
    """Model FLOPs utilisation: of what the device could compute, the share that it does."""
    evaluation_seconds: float
    preparation_seconds: float
    data_sampled: bool


class Estimate(ShortJob):
    spec: dict[str, Any]
    result: EstimateResult | None = None


class ShownThing(Resource):
    """A picture or a text."""

    name: str
    media_type: str
    """``text/plain`` or ``image/png``."""
    bytes: int
    sha256: str


class PreviewResult(Resource):
    shown: list[ShownThing]
    """Pictures are sheets: a column a sample, a row a view, or a state of one."""


class JobPreview(ShortJob):
    """What a job's networks would see of some samples."""

    spec: dict[str, Any]
    samples: int
    step: int
    result: PreviewResult | None = None


class ExportCheck(Resource):
    runtime: str
    inputs: int
    largest_difference: float
    tolerance: float


class ExportResult(Resource):
    architecture: str
    opset: int
    inputs: list[str]
    outputs: list[str]
    parameters: int
    check: ExportCheck
    """How the exported network compared with the original."""


class Export(ShortJob):
    checkpoint: str
    job: str
    step: int
    format: str
    files: list[CheckpointFile] = []
    bytes: int
    result: ExportResult | None = None


class Metric(Resource):
    name: str
    series: list[str]
    """Names under which it is logged: ``eval/perplexity``."""
    title: str
    group: str
    """``loss``, ``task``, ``representation`` or ``run``."""
    better: str | None = None
    """``lower`` or ``higher``; None where it does not tell a better model from a worse one."""
    unit: str | None = None
    hint: str | None = None
    """How to read it."""
    logarithmic: bool = False
    always: bool = True
    """Whether every job of the task measures it."""
    noisy: bool = True
    tile: str | None = None
    level: str | None = None
    """Name of another metric that is a constant to compare with."""


class Network(Resource):
    preset: str
    architecture: str


class Recipe(Resource):
    """A starting point for a job."""

    name: str
    title: str
    description: str
    spec: dict[str, Any]
    """A job's spec without ``name`` and ``dataset``."""


class Opening(Resource):
    loader: str
    code: str
    """Python; ``{folder}`` stands for the folder's path."""


class Task(Resource):
    """Something that a model can learn."""

    kind: str
    title: str
    choose_if: str
    description: str
    modality: str
    """``text``, ``image`` or ``audio``."""
    networks: list[Network]
    metrics: list[Metric]
    recipes: list[Recipe]
    """The smallest first."""
    fields: list[str]
    """Dotted paths of a spec's fields and sections that it reads and not every other task does."""
    main_fields: list[str] = []
    opening: Opening
    documentation: str | None = None
    package: str | None = None
    """The installed package that brings it; None for Seedbed's own."""


class Worker(Resource):
    id: str
    name: str
    state: str
    """``idle``, ``busy`` or ``offline``."""
    device: str
    device_name: str
    memory_bytes: int
    threads: int
    version: str
    job: str | None = None
    details: dict[str, Any] = {}
    started_at: datetime
    last_seen_at: datetime


class Key(Resource):
    id: str
    name: str
    hint: str
    """The key's last four characters."""
    scopes: list[str]
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class CreatedKey(Key):
    secret: str
    """The key itself. Shown this once."""


class Project(Resource):
    id: str
    name: str


class Session(Resource):
    """Who a key belongs to."""

    key: Key
    project: Project
