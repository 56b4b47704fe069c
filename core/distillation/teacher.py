"""Opens a teacher's checkpoint as an objective of the student's task, so that it computes from the student's batches."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import ValidationError
from tokenizers import Tokenizer
from torch import Tensor

from core.checkpoints.bundle import STATE, read_state
from core.checkpoints.manifest import ManifestError, verify
from core.data import Prepared
from core.data.text import PreparedText
from core.errors import EngineError
from core.formats import FormatError
from core.formats.published.directory import job_of
from core.objectives.base import Batch, Objective
from core.prediction.dataless import described_data
from core.spec.distillation_rules import misfits, teaching_job
from core.spec.job import JobSpec
from core.tasks.objectives import create_objective
from core.teachers.frozen import frozen


@dataclass(frozen=True, slots=True)
class TeacherCheckpoint:
    """A teacher's directory and the spec that it was trained with."""

    path: Path
    job: JobSpec


@dataclass(frozen=True, slots=True)
class Teacher:
    """A network whose weights stay as they are."""

    objective: Objective
    """Of the student's task."""
    job: JobSpec
    gives_logits: bool
    """Whether its logits are compared; otherwise only what is inside it."""
    order: Tensor | None = None
    """The place of each of the student's classes among the teacher's, where these differ."""

    def to(self, device: torch.device) -> Self:
        """The same, with its network on a device."""
        self.objective.to(device)
        return self

    def compute(self, batch: Batch) -> Tensor | None:
        """Its `logits`; None where they are not compared."""
        if not self.gives_logits:
            self.objective.compute(batch)
            return None
        return self.logits(batch)

    def logits(self, batch: Batch) -> Tensor:
        """Its logits, shape (N, C), with classes in the student's order."""
        logits = self.objective.logits(batch)
        return logits if self.order is None else logits[:, self.order.to(logits.device)]


def find_teacher(
    job: JobSpec, directory: Path | None, digests: Mapping[str, str] | None = None, *, weights: bool = True
) -> TeacherCheckpoint | None:
    """The teacher of a job: None if it has none.

    Args:
        directory: Of the checkpoint that the command line names.
        digests: sha256 by path of its files that were hashed already.
        weights: Whether its weights are there; without, its files are not checked.

    Raises:
        EngineError: ``teacher_missing`` where the job has a teacher and no checkpoint was named, ``checkpoint_damaged``.
    """
    if job.distillation is None:
        return None
    if directory is None:
        raise EngineError(
            "teacher_missing",
            f"The spec learns from {job.distillation.teacher or 'a teacher'}, and its directory was not named.",
            "Name it with --teacher, or leave `distillation` out of the spec.",
            checkpoint=job.distillation.teacher,
        )
    try:
        if weights:
            verify(directory, digests)
        if (directory / STATE).exists():
            return TeacherCheckpoint(directory, JobSpec.model_validate(read_state(directory)["spec"]))
        return TeacherCheckpoint(directory, job_of(directory))
    except (ManifestError, FormatError, OSError, ValueError, KeyError, ValidationError) as error:
        raise EngineError(
            "checkpoint_damaged",
            f"The teacher cannot be read: {error}.",
            "Choose another checkpoint as the teacher, or leave `distillation` out.",
            case="teacher_unreadable",
            error=error,
        ) from None


def require_fit(job: JobSpec, teacher: TeacherCheckpoint) -> None:
    """
    Raises:
        EngineError: ``checkpoint_mismatch``, naming everything in which teacher and student do not fit each other.
    """
    found = misfits(job, teacher.job)
    if found:
        raise EngineError(
            "checkpoint_mismatch",
            f"The teacher in {teacher.path} does not fit this spec: "
            + "; ".join(f"{one.param}: {one.message}" for one in found)
            + ".",
            "Change the fields that are named, or choose another teacher.",
            case="teacher",
            directory=teacher.path,
            problems=[
                {"param": one.param, "code": one.code, "message": one.message, "params": one.params}
                for one in found
            ],
        )


def open_teacher(
    job: JobSpec, teacher: TeacherCheckpoint, data: Prepared, directory: Path, *, weights: bool = True
) -> Teacher:
    """The teacher as an objective of the student's task, in evaluation mode, on the CPU.

    A teacher of the student's task reads its inputs as it was trained: with its own statistics of pixels. Of a teacher of
    another task the encoder alone is taken, as by a job that starts from it, and reads them as the student does.

    Args:
        data: The student's.
        directory: An empty one, for files that the teacher needs as long as it is used.
        weights: Whether its weights are there; otherwise they are random, for measures of time and memory.

    Raises:
        EngineError: ``checkpoint_mismatch``.
    """
    assert job.distillation is not None
    teaching = teaching_job(job, teacher.job)
    same = teacher.job.task.kind == job.task.kind
    if same:
        objective = create_objective(teaching, described_data(teaching, teacher.path, directory))
        if weights:
            _load(objective, teacher.path)
    else:
        objective = create_objective(teaching, data, teacher.path if weights else None)
    if isinstance(data, PreparedText):
        _require_vocabulary(data, teacher.path)
    order = _order(job, objective, data) if same else None
    return Teacher(frozen(objective), teaching, bool(job.distillation.logits), order)


def _load(objective: Objective, path: Path) -> None:
    if (path / STATE).exists():
        objective.open(path)
        return
    missing = objective.start_from_published(path)
    if missing:
        raise EngineError(
            "checkpoint_mismatch",
            f"The teacher lacks weights of its task's network, such as {missing[0]}.",
            "Choose another teacher; of an encoder alone, match features, hidden or relations in another task.",
            case="teacher_weights",
            first=missing[0],
        )


def _require_vocabulary(data: PreparedText, path: Path) -> None:
    """
    Raises:
        EngineError: ``checkpoint_mismatch``, where the teacher knows tokens by other ids.
    """
    own, theirs = (
        Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
        for folder in (data.tokenizer_directory, path)
    )
    different = sorted(name for name, number in own.items() if theirs.get(name) != number)
    if different:
        raise EngineError(
            "checkpoint_mismatch",
            f"{len(different):,} of {len(own):,} tokens have another id in the teacher {path}, as {different[0]!r}.",
            "Leave data.tokenizer out, so that the student takes the teacher's tokenizer.",
            case="teacher_vocabulary",
            directory=path,
            different=len(different),
            tokens=len(own),
            token=different[0],
        )


def _order(job: JobSpec, objective: Objective, data: Prepared) -> Tensor | None:
    """
    Raises:
        EngineError: ``checkpoint_mismatch``, where teacher and student tell other classes apart.
    """
    assert job.distillation is not None
    if not job.task.needs_labels or not job.distillation.logits:
        return None
    named: Any = objective
    labelled: Any = data
    theirs, mine = list(named.classes), list(labelled.classes)
    if set(theirs) != set(mine):
        only = sorted(set(mine) ^ set(theirs))
        raise EngineError(
            "checkpoint_mismatch",
            f"The teacher tells {len(theirs):,} classes apart and the data have {len(mine):,}; {only[0]!r} is in one of them alone.",
            "Choose a teacher of the same classes, or set distillation.logits to 0 and match features.",
            case="teacher_classes",
            classes=mine[:20],
            teacher_classes=theirs[:20],
            first=only[0],
        )
    if theirs == mine:
        return None
    return torch.tensor([theirs.index(name) for name in mine])
