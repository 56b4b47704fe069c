"""A task's own measures over a whole split, with intervals from the outcome of each sample."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.assessment.section import Section
from core.data import Samples
from core.data.both_splits import chosen_of, recordings_of
from core.evaluation.outcomes.base import Outcomes
from core.evaluation.reports import Document
from core.objectives.base import Objective
from core.spec.task import TaskSpec

_SOUND_CHARACTERS = 1_000_000
"""Length of all sounds in a report together."""


def outcomes_section(
    objective: Objective,
    outcomes: Outcomes,
    task: type[TaskSpec],
    samples: Samples,
    *,
    split: str,
    noun: str,
    remarks: str = "",
) -> Section:
    """The measures of the outcomes of all samples, and their tables and pictures.

    Clips of one recording are one unit of the resamples.

    Args:
        split: The split that ``samples`` are of.
        noun: What a sample is, in the plural: ``images``.
        remarks: Further sentences about how it is counted.
    """
    recordings = recordings_of(samples)
    of = np.arange(len(samples)) if recordings is None else np.unique(recordings, return_inverse=True)[1]
    units = int(of.max()) + 1

    def measure(counts: NDArray[np.int64]) -> dict[str, float]:
        return outcomes.measure(counts[of])

    noun = outcomes.noun or noun
    unit = noun if recordings is None else "recordings"
    drawn = "these" if recordings is None else f"their {units:,} recordings, each with all of its clips"
    return Section(
        name="task",
        counted=f"The task's own measures over {len(samples):,} labelled {noun}. Intervals are over {drawn}.{remarks}",
        unit=unit,
        units=units,
        identity=f"{task.model_fields['kind'].default} {split} {_digest(samples)}",
        values=outcomes.values,
        metrics=task.metrics,
        measure=measure,
        correct=outcomes.correct if units == len(samples) else {},
        documents=_small(outcomes.documents(lambda places: objective.seen(samples, places))),
    )


def _small(documents: Sequence[Document]) -> list[Document]:
    """Documents without the sounds for which there is no room: the report is one JSON document."""
    room, found = _SOUND_CHARACTERS, []
    for document in documents:
        kept = dict(document)
        if "mistakes" in kept:
            mistakes = []
            for mistake in kept["mistakes"]:
                room -= len(mistake.get("sound", ""))
                mistakes.append(
                    mistake
                    if room >= 0
                    else {name: part for name, part in mistake.items() if name != "sound"}
                )
            kept["mistakes"] = mistakes
        found.append(kept)
    return found


def _digest(samples: Samples) -> str:
    return hashlib.sha256(chosen_of(samples).astype("<i8").tobytes()).hexdigest()[:16]
