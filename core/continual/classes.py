"""One numbering of the classes of all stages, and among which of them the answers of each stage's samples are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.checkpoints.bundle import STATE
from core.continual.earlier import Stage
from core.data import Prepared
from core.data.audio import PreparedAudio
from core.data.audio.transcripts import characters_in
from core.data.image import PreparedImages
from core.data.image.normalised import normalised_as
from core.data.labelled import require_classes
from core.data.matched_classes import matched
from core.errors import EngineError
from core.formats import FormatError
from core.formats.published.directory import classes_in
from core.networks.heads import UNNAMED, named_classes
from core.spec.job import JobSpec

_NAMED = 5


@dataclass(frozen=True, slots=True)
class InCommon:
    """The data of a stage and of those before it, as one network reads them."""

    data: Prepared
    """Of the job's own stage."""
    stages: Sequence[Stage] = ()
    """The earlier ones, oldest first."""
    known: tuple[str, ...] = ()
    """The classes of the checkpoint that the job begins with, in the order of its outputs; () for a task without classes."""
    among: tuple[int, ...] | None = None
    """The classes among which the answers of the job's own samples are. None: all."""


def in_common(job: JobSpec, data: Prepared, stages: Sequence[Stage], start: Path, scratch: Path) -> InCommon:
    """Have the data of all stages read in the same way: with the checkpoint's normalisation of images, and one number for each class.

    The classes are those of the checkpoint in the order of its outputs, then those that the job's data add, in their order.

    Args:
        job: With ``continual``.
        start: The checkpoint that the job begins with or resumes from.
        scratch: An existing, empty directory for changed labels.

    Raises:
        DataError: ``too_few_classes`` where the job's data have fewer than two.
        EngineError: ``checkpoint_mismatch`` where the data have further classes, and the scenario is ``domain`` or the
            optimiser's state of the checkpoint is used.
    """
    data = _normalised(data, start)
    stages = [replace(stage, data=_normalised(stage.data, start)) for stage in stages]
    if not _learns_classes(job):
        return InCommon(data, stages)
    assert job.continual is not None
    known, own = _known(start), _classes(data)
    if not own:
        # Refused as for a job without earlier stages: what is prepared has no labels then.
        none = np.empty(0, np.int64)
        require_classes(own, none, none)
    further = tuple(name for name in own if name not in known)
    if further and job.continual.scenario == "domain":
        raise _further_classes(further)
    if further and job.start is not None and job.start.scope == "all" and (start / STATE).exists():
        raise EngineError(
            "checkpoint_mismatch",
            f"The data have {len(further)} classes that the checkpoint does not know ({_some(further)}), and its optimiser's state "
            "is for a head without them.",
            "Set start.scope to weights, which begins with a fresh optimiser.",
            case="state_of_fewer_classes",
            classes=list(further[:_NAMED]),
        )
    every = (*known, *further)
    by_stage = job.continual.scenario == "task"

    def numbered(name: str, found: Prepared) -> Prepared:
        directory = scratch / name
        directory.mkdir()
        return matched(found, every, directory).data

    def among(found: Prepared) -> tuple[int, ...] | None:
        names = set(_classes(found))
        return tuple(number for number, name in enumerate(every) if name in names) if by_stage else None

    return InCommon(
        numbered("own", data),
        [
            replace(stage, data=numbered(str(number), stage.data), among=among(stage.data))
            for number, stage in enumerate(stages)
        ],
        known,
        among(data),
    )


def with_classes_of(job: JobSpec, data: Prepared, start: Path, scratch: Path) -> Prepared:
    """The data of a job that goes on with the head of a checkpoint: their classes have the numbers of its outputs, by their names,
    and their transcripts its characters.

    Args:
        start: The checkpoint that the job begins with or resumes from.
        scratch: An existing, empty directory for changed labels.

    Raises:
        EngineError: ``checkpoint_mismatch`` where the data have classes that the checkpoint does not tell apart.
    """
    if isinstance(data, PreparedAudio) and job.task.reads_transcripts:
        return _with_characters(data, start)
    if not _learns_classes(job):
        return data
    known = _known(start) if (start / STATE).exists() else _published(start)
    found = matched(data, known, scratch)
    if found.unknown and job.data.on_missing_label == "refuse":
        raise EngineError(
            "checkpoint_mismatch",
            f"The data have {len(found.unknown)} classes that the checkpoint does not know ({_some(found.unknown)}); it tells apart "
            f"{_some(known)}.",
            "Set start.scope to encoder, which begins with a new head; rename the classes; or leave their samples out with "
            "data.on_missing_label: skip.",
            case="unknown_classes",
            classes=list(found.unknown[:_NAMED]),
            known=list(known[:_NAMED]),
        )
    return found.data


def _normalised(data: Prepared, start: Path) -> Prepared:
    if isinstance(data, PreparedImages) and data.preprocessor is None:
        return normalised_as(start, data)
    return data


def _learns_classes(job: JobSpec) -> bool:
    task = job.task
    return task.needs_labels and not task.reads_transcripts and task.text_labels != "number"


def _known(start: Path) -> tuple[str, ...]:
    """The classes of a checkpoint."""
    named = named_classes(start)
    # Of a network that somebody else saved without a head, the configuration names none either.
    return named or (UNNAMED if (start / STATE).exists() else ())


def _with_characters(data: PreparedAudio, start: Path) -> PreparedAudio:
    characters = characters_in(start)
    if data.transcript_facts is None or not characters:
        return data
    return replace(data, transcript_facts=replace(data.transcript_facts, alphabet=characters))


def _published(start: Path) -> tuple[str, ...]:
    """The classes of a network that somebody else saved; () if it has no head for them."""
    try:
        return classes_in(start)
    except (FormatError, OSError) as error:
        raise EngineError(
            "checkpoint_damaged",
            f"The uploaded checkpoint cannot be read: {error}.",
            "Upload it again.",
            case="upload",
            error=str(error),
        ) from None


def _classes(data: Prepared) -> tuple[str, ...]:
    return tuple(getattr(data, "classes", ()))


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:_NAMED])) + (" …" if len(names) > _NAMED else "")


def _further_classes(names: Sequence[str]) -> EngineError:
    return EngineError(
        "checkpoint_mismatch",
        f"In the scenario domain every stage has the same classes, and this one brings {_some(names)}.",
        "Set continual.scenario to class or task, or rename the classes of the dataset.",
        case="further_classes",
        classes=list(names[:_NAMED]),
    )
