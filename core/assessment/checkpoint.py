"""Evaluates one checkpoint on a dataset: opens it, prepares the data as it reads them, and computes all sections."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.assessment.dataset import Reading, read_for, statistics_of_all, with_sampling_of
from core.assessment.language import language_section
from core.assessment.objective import objective_section
from core.assessment.opened import Opened
from core.assessment.outcomes import outcomes_section
from core.assessment.probing import probe_section
from core.assessment.section import Section, SplitChoice
from core.assessment.text_probing import text_probe_section
from core.data import DataFile, Samples
from core.data.both_splits import BothSplits
from core.data.matched_classes import matched
from core.data.progress import OnProgress
from core.data.text import PreparedText
from core.data.text.sizes import document_bytes
from core.objectives.base import Objective
from core.objectives.language import LanguageModel
from core.objectives.supervised import Supervised
from core.prediction.dataless import described_data
from core.spec.job import JobSpec
from core.spec.supervised import SupervisedTask
from core.spec.task import Modality
from core.tasks.objectives import create_objective
from core.training.devices import Place

_NOUNS: Mapping[Modality, str] = {"text": "rows", "image": "images", "audio": "clips"}


@dataclass(frozen=True, slots=True)
class Request:
    """What is evaluated, the same for both checkpoints of a comparison."""

    files: Sequence[DataFile]
    cache: Path
    scratch: Path
    """An existing directory for temporary files."""
    split: SplitChoice
    probes: bool
    place: Place


@dataclass(frozen=True, slots=True)
class Watch:
    """Whom to tell how far it is."""

    preparing: OnProgress
    evaluating: Callable[[float], object]
    """Called with the share that is done."""


def evaluate_checkpoint(
    opened: Opened, request: Request, watch: Watch, *, first: JobSpec | None = None
) -> list[Section]:
    """All sections of a checkpoint on a dataset.

    Args:
        first: the spec of the checkpoint that it is compared with, which decides how samples are taken from the data.

    Raises:
        DataError, EngineError: it cannot be evaluated on these data.
    """
    job = opened.job if first is None else with_sampling_of(first, opened.job)
    reading = read_for(opened, job, request.files, request.cache, watch.preparing)
    objective: Objective
    if isinstance(reading.job.task, SupervisedTask):
        objective, remarks, has_head = _with_labels(opened, reading, request.scratch)
    else:
        objective, remarks = create_objective(reading.job, _measured_on(reading, request.split)), ""
        has_head = opened.restore(objective)
    objective.to(request.place.device).eval()
    with torch.no_grad(), request.place.autocast():
        sections = (
            list(_sections(objective, reading, request, watch.evaluating, remarks))
            if has_head
            else _of_features(objective, reading, request)
        )
        if request.probes and isinstance(objective, LanguageModel) and not isinstance(objective, Supervised):
            probes = text_probe_section(objective, opened, request.files, request.cache, watch.preparing)
            sections += [probes] if probes is not None else []
    watch.evaluating(1.0)
    return sections


def _of_features(objective: Objective, reading: Reading, request: Request) -> list[Section]:
    """What can be measured of an uploaded checkpoint without the head of its task."""
    train, held_out = objective.samples("train"), objective.samples("held_out")
    if not request.probes or train.labels is None:
        return []
    found = probe_section(objective, train, held_out, _NOUNS[reading.job.task.modality])
    return [] if found is None else [found]


def _with_labels(opened: Opened, reading: Reading, scratch: Path) -> tuple[Supervised, str, bool]:
    """The objective of a task that learns labels, with the checkpoint's classes, remarks about the dataset's classes, and whether
    the checkpoint has the weights of its head.

    It is created from what the checkpoint says about its own data, because the network has its classes.
    """
    described, changed = (Path(tempfile.mkdtemp(dir=scratch)) for _ in range(2))
    own = described_data(reading.job, opened.path, described)
    objective = create_objective(reading.job, own)
    assert isinstance(objective, Supervised)
    has_head = opened.restore(objective, partly=True)
    predicts_classes = has_head and not reading.job.task.reads_transcripts
    classes: Sequence[str] = getattr(own, "classes", ()) if predicts_classes else ()
    found = matched(reading.data, classes, changed)
    objective.read_from(found.data)
    return objective, found.remarks, has_head


def _measured_on(reading: Reading, split: SplitChoice) -> Any:
    """The data, with the statistics of the evaluated split as those of the held-out one, by which bits per byte are computed."""
    data = reading.data
    if not isinstance(data, PreparedText) or split == "held_out":
        return data
    return replace(data, held_out=data.train if split == "train" else statistics_of_all(data))


def _sections(
    objective: Objective,
    reading: Reading,
    request: Request,
    tell: Callable[[float], object],
    remarks: str,
) -> Sequence[Section]:
    job, data, noun = reading.job, reading.data, _NOUNS[reading.job.task.modality]
    train, held_out = objective.samples("train"), objective.samples("held_out")
    samples = _chosen(train, held_out, request.split)
    samples.require(1)
    sections: list[Section | None] = []
    if isinstance(objective, LanguageModel) and isinstance(data, PreparedText):
        sizes = document_bytes(reading.files, job.data, request.scratch)
        sections.append(
            language_section(
                objective, data, sizes, split=request.split, tell=lambda share: tell(0.4 * share)
            )
        )
    batch = job.training.least_sequences_per_step // job.training.accumulation_steps
    outcomes = objective.outcomes(samples, np.arange(len(samples), dtype=np.int64), batch)
    if outcomes is not None:
        sections.append(
            outcomes_section(
                objective,
                outcomes,
                type(job.task),
                samples,
                split=request.split,
                noun="documents" if noun == "rows" else noun,
                remarks=remarks,
            )
        )
    else:
        identity = f"{request.split} {_form(reading)}"
        sections.append(
            objective_section(
                objective,
                type(job.task),
                samples,
                batch_size=batch,
                identity=identity,
                noun=noun,
                tell=lambda share: tell(0.4 + 0.4 * share),
            )
        )
    if request.probes and train.labels is not None:
        sections.append(probe_section(objective, train, held_out, noun))
    return [section for section in sections if section is not None]


def _chosen(train: Samples, held_out: Samples, split: SplitChoice) -> Samples:
    return {"train": train, "held_out": held_out, "all": BothSplits(train, held_out)}[split]


def _form(reading: Reading) -> str:
    """What decides which part of the data a row of samples is, besides the split."""
    job = reading.job
    facts: dict[str, object] = {"task": job.task.kind}
    if isinstance(reading.data, PreparedText):
        tokenizer = reading.data.tokenizer_directory / "tokenizer.json"
        facts["tokenizer"] = hashlib.sha256(tokenizer.read_bytes()).hexdigest()
        facts["row"] = [job.training.sequence_length, job.data.packing]
    elif job.task.modality == "audio":
        facts["clip_seconds"] = job.data.audio.clip_seconds
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
