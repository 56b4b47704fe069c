"""Reads from the database what a model card tells."""

from collections.abc import Iterator, Mapping
from typing import Any

from control.checkpoints.models import Checkpoint
from control.checkpoints.uploads import is_uploaded
from control.datasets.selection import which_of
from control.db import ReadSession
from control.lifecycle import repository as lifecycle
from control.lifecycle.models import Job
from control.metrics.repository import buckets
from control.model_cards import repository
from control.model_cards.facts import Ancestor, Data, Evaluation, Facts, Score
from core.spec.job import JobSpec
from core.spec.metrics import Metric
from core.spec.stored import is_known, stored

_EVALUATIONS = 20
_ANCESTORS = 50
_STEPS = 10
"""Most steps in the table of losses."""
_FEW = 3
"""Fewest steps of a loss whose steps are those of the table."""


def collect(session: ReadSession, checkpoint: Checkpoint) -> Facts:
    """The facts of a checkpoint that is not deleted."""
    job = repository.job_of(session, checkpoint)
    spec, uploaded, known = stored(job.spec), is_uploaded(checkpoint), is_known(job.spec)
    metrics = spec.task.all_metrics()
    attempt = lifecycle.attempt(session, job.id, checkpoint.attempt)
    return Facts(
        id=checkpoint.id,
        step=checkpoint.step,
        manifest_sha256=checkpoint.manifest_sha256,
        files=[file["path"] for file in checkpoint.manifest["files"]],
        uploaded=uploaded,
        name=job.name,
        job=None if uploaded else job.id,
        spec=spec,
        document=spec.model_dump(mode="json") if known else job.spec,
        known=known,
        data=_data(session, job),
        data_key=checkpoint.manifest.get("data_key", ""),
        engine={} if attempt is None else attempt.engine,
        ancestors=list(_ancestors(session, job)),
        scores=_scores(checkpoint.metrics, metrics),
        curves=_curves(session, checkpoint, metrics),
        evaluations=[
            _evaluation(session, row)
            for row in repository.evaluations(session, checkpoint.id, limit=_EVALUATIONS)
        ],
    )


def _data(session: ReadSession, job: Job) -> Data | None:
    """The dataset of a job or of a short job."""
    found = repository.dataset(session, job.dataset_id)
    if found is None:
        return None
    return Data(
        found.id,
        found.name,
        found.modality,
        found.sha256,
        deleted=found.deleted_at is not None,
        version=found.version,
        parent=found.parent_id,
        only_new=which_of(job.spec) == "new",
    )


def _scores(metrics: Mapping[str, Any], known: tuple[Metric, ...]) -> list[Score]:
    titles = {series: metric.title for metric in known for series in metric.series}
    return [
        Score(name.removeprefix("eval/"), titles.get(name, name), value)
        for name, value in sorted(metrics.items())
        if value is not None
    ]


def _evaluation(session: ReadSession, row: Job) -> Evaluation:
    result: Mapping[str, Any] = row.result or {}
    scores = [
        Score(measure["name"], measure["title"], measure["value"], measure["low"], measure["high"])
        for section in result["sections"]
        for measure in section["measures"]
        if measure["value"] is not None
    ]
    data = _data(session, row)
    return Evaluation(row.id, data, result["split"], result["resampling"]["level"], scores)


def _ancestors(session: ReadSession, job: Job) -> Iterator[Ancestor]:
    """Where the job started from, and so on up to an upload, to fresh weights, or to a checkpoint whose tokenizer alone was taken."""
    row: Job | None = job
    for _ in range(_ANCESTORS):
        if row is None or (row.spec.get("start") is None and row.parent_checkpoint_id is None):
            return
        start = row.spec.get("start") or {}
        scope = start.get("scope", "all")
        found = repository.ancestor(session, row.parent_checkpoint_id)
        if found is None:
            named = start.get("checkpoint")
            if named is not None:
                yield Ancestor(named, scope)
            return
        checkpoint, row = found
        uploaded = is_uploaded(checkpoint)
        yield Ancestor(
            checkpoint.id,
            scope,
            name=row.name,
            job=None if uploaded else row.id,
            task=_title(stored(row.spec), row.spec),
            step=checkpoint.step,
        )
        if scope == "tokenizer":
            return


def _title(spec: JobSpec, document: Mapping[str, Any]) -> str:
    return spec.task.title if is_known(document) else spec.task.kind


def _curves(
    session: ReadSession, checkpoint: Checkpoint, metrics: tuple[Metric, ...]
) -> dict[str, dict[int, float]]:
    """Each loss at a few steps, of the columns that have a value at any of them."""
    losses = {
        series: _column(series, metric)
        for metric in metrics
        if metric.group == "loss"
        for series in metric.series
    }
    if not losses:
        return {}
    found: dict[str, dict[int, float]] = {}
    for row in buckets(
        session,
        checkpoint.job_id,
        names=list(losses),
        max_points=1000,
        from_step=None,
        to_step=checkpoint.step,
    ):
        found.setdefault(row.name, {})[row.step] = row.value
    if not found:
        return {}
    enough = [curve for curve in found.values() if len(curve) >= _FEW]
    # Losses are measured at different steps: those of the held-out split are fewer, and have a training loss before them.
    steps = _few(min(enough, key=len) if enough else max(found.values(), key=len))
    return {
        losses[name]: {step: curve[at] for step in steps if (at := _at(curve, step)) is not None}
        for name, curve in sorted(found.items(), key=lambda item: list(losses).index(item[0]))
    }


def _column(series: str, metric: Metric) -> str:
    area = series.partition("/")[0]
    return f"{metric.title}, {'held out' if area == 'eval' else area}"


def _few(curve: Mapping[int, float]) -> list[int]:
    """At most `_STEPS` of its steps, evenly among them, the first and the last included."""
    steps = sorted(curve)
    if len(steps) <= _STEPS:
        return steps
    return [steps[round(place * (len(steps) - 1) / (_STEPS - 1))] for place in range(_STEPS)]


def _at(curve: Mapping[int, float], step: int) -> int | None:
    """The last step of the curve that is not after ``step``."""
    return max((known for known in curve if known <= step), default=None)
