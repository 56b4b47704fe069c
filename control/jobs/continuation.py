"""The spec of a job that goes on with what a version of a dataset added: from the best checkpoint of the last job on its parent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from control.checkpoints import repository as checkpoints
from control.checkpoints.models import Checkpoint
from control.datasets import repository as datasets
from control.datasets import service
from control.datasets.modalities import samples
from control.datasets.models import Dataset
from control.datasets.selection import selected, which_of
from control.db import ReadSession
from control.jobs import repository
from control.jobs.merge_patch import merge_patch
from control.jobs.submission import goes_on
from control.jobs.sufficiency import class_names, shortcoming
from control.lifecycle.models import Job
from core.characters import LONGEST_NAME
from core.checkpoints.retention import best_step
from core.spec.data import Which
from core.spec.job import JobSpec
from core.spec.start import Scope
from core.spec.stored import is_known

_HELD_OUT_LOSS = "eval/loss"
_TOKENIZER: Mapping[str, Mapping[str, Any]] = {"text": {"tokenizer": {"kind": "checkpoint"}}}
"""What a job on other text reads it with, in ``data``, by modality. The service would fill it in, but people shall see it."""


@dataclass(frozen=True)
class Continuation:
    """A proposed job. Its spec has not been checked against the dataset: `control.jobs.submission.validate_document` does that."""

    job: Job
    """The last job on an earlier version."""
    checkpoint: Checkpoint
    """The best of that job's that are left."""
    spec: dict[str, Any]


def continuation(session: ReadSession, project_id: str, dataset_id: str) -> Continuation | None:
    """The job that goes on with the new files of a version of a dataset; None if there is no checkpoint to go on from.

    The last job on the parent counts, successful ones first. If there is none with a checkpoint, the one on the nearest earlier version
    does; what came between is new to it as well, so it goes on with all files. So it does where the new ones do not suffice for
    the job by themselves.

    Raises:
        NotFound: ``dataset_not_found``.
    """
    dataset = service.get(session, project_id, dataset_id)
    for ancestor in datasets.ancestors(session, dataset):
        job = repository.last_with_checkpoint(session, project_id, ancestor)
        if job is not None:
            checkpoint = best_checkpoint(checkpoints.present(session, job.id), job.spec)
            files: Which = (
                "new" if ancestor == dataset.parent_id and _suffice(session, dataset, job) else "all"
            )
            return Continuation(job, checkpoint, _spec(session, dataset, job, checkpoint, files))
    return None


def _suffice(session: ReadSession, dataset: Dataset, job: Job) -> bool:
    """Whether the job could run on the new files alone. A version may add samples of one class, fewer than a batch, or only labels,
    transcripts or a tokenizer for what was there."""
    new = datasets.files(session, dataset.id, "new")
    if not any(samples(file.report) for file in new):
        return False
    return not is_known(job.spec) or not shortcoming(dataset.modality, JobSpec.model_validate(job.spec), new)


def best_checkpoint(present: list[Checkpoint], spec: Mapping[str, Any]) -> Checkpoint:
    """The best of a job's checkpoints by what the job itself judges them by, else by the held-out loss, else the newest.

    Args:
        present: Newest first; at least one.
    """
    training = spec["training"]
    stopping = training.get("early_stopping") or {}
    by = (training.get("retention") or {}).get("keep_best") or stopping.get("metric") or _HELD_OUT_LOSS
    newest = {one.step: one for one in reversed(present)}
    best = best_step({step: one.metrics for step, one in newest.items()}, by)
    return present[0] if best is None else newest[best]


def _spec(
    session: ReadSession, dataset: Dataset, job: Job, checkpoint: Checkpoint, files: Which
) -> dict[str, Any]:
    """The job's spec on the dataset, for as many further steps as the job itself took."""
    begun = repository.first_step(session, job)
    trained = max((job.steps or checkpoint.step) - begun, 1)
    scope = _scope(session, dataset, job, files)
    changes: dict[str, Any] = {
        "name": _name(job.name, dataset.version),
        "dataset": dataset.id,
        "data": {"files": files, **_TOKENIZER.get(dataset.modality, {})},
        "training": {"steps": trained + (checkpoint.step if scope == "all" else 0)},
        "start": {"checkpoint": checkpoint.id, "scope": scope},
    }
    found: dict[str, Any] = merge_patch(goes_on(job, changes), changes)
    # Of a deleted dataset nothing can be replayed.
    earlier = datasets.of_id(session, job.project_id, job.dataset_id)
    found["continual"] = None if earlier is None else _methods(job.spec.get("continual"))
    return found


def _scope(session: ReadSession, dataset: Dataset, job: Job, files: Which) -> Scope:
    """``all``; but ``weights`` where the dataset may have classes that the job has not learned, because the optimiser's state is for
    a head without them."""
    if not is_known(job.spec):
        return "all"
    spec = JobSpec.model_validate(job.spec)
    if not spec.task.needs_labels:
        return "all"
    whole = datasets.files(session, dataset.id)
    # The files of a deleted dataset are still known by what its version has taken over.
    learned = datasets.files(session, job.dataset_id, which_of(job.spec)) or [f for f in whole if f.inherited]
    known, found = class_names(spec, learned), class_names(spec, selected(whole, files))
    return "all" if known is not None and found is not None and found <= known else "weights"


def _methods(before: Mapping[str, Any] | None) -> dict[str, Any]:
    """The block ``continual`` of the proposed job: the methods of the job itself, else replay. The earlier stages are filled in when
    it is submitted."""
    kept = {
        name: value for name, value in (before or {}).items() if name != "ancestors" and value is not None
    }
    return kept if set(kept) - {"scenario"} else kept | {"replay": {}}


def _name(before: str, version: int) -> str:
    suffix = f" (version {version})"
    name = re.sub(r" \(version \d+\)$", "", before)
    return name[: LONGEST_NAME - len(suffix)] + suffix
