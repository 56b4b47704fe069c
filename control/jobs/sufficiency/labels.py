"""Whether a dataset's labels suffice for a task that learns them: what the engine would refuse after preparing, and more."""

from collections import Counter
from collections.abc import Sequence

from control.jobs.sufficiency.report import Report, reads_other
from control.jobs.sufficiency.text_labels import class_counts
from control.schemas import ProblemDetail
from core.spec.job import JobSpec

_LISTED = 1_000
"""Classes that inspection lists of a file, at most."""
_NAMED = 5


def counted(spec: JobSpec, reports: Sequence[Report]) -> Counter[str] | None:
    """Number of samples of each class, repeated ones included; None where inspection does not know them.

    It does not know them for a column that it has not read, and for a file with more classes than it lists.
    """
    if not spec.task.needs_labels or spec.task.reads_transcripts:
        return None
    if spec.task.modality == "text":
        return class_counts(spec, reports)
    if spec.task.modality == "image" and reads_other(spec.data.image.label_column, reports, "label_column"):
        return None
    found: Counter[str] = Counter()
    for report in reports:
        classes = report.found.get("classes")
        if classes is None or len(classes) >= _LISTED:
            return None
        found.update(classes)
    return found


def judge_labels(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    """What keeps a task from learning the labels; None where nothing is known that does.

    Folders of several files are one tree to the engine, and each file's own to inspection: then only the engine knows.
    """
    # Those of text are judged by `control.jobs.sufficiency.text_labels`.
    is_known = len(reports) == 1 and spec.task.modality != "text"
    classes = counted(spec, reports) if is_known else None
    if classes is None:
        return None
    if len(classes) < 2:
        there = f"of one class alone, {next(iter(classes))!r}" if classes else "without classes"
        return ProblemDetail(
            param="dataset",
            code="too_few_classes",
            message=(
                f"{spec.task.kind} learns classes, and the dataset's samples are {there}: put the samples of each class into "
                "a folder of its own, or name the column with the classes"
            ),
            params={"case": "dataset", "task": spec.task.kind, "classes": list(classes)},
        )
    return _missing(spec, reports) or _unknown_weights(spec, classes)


def rare_classes(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    """A warning of classes with a single sample: it is learned or measured, never both."""
    rare = sorted(name for name, count in (counted(spec, reports) or {}).items() if count == 1)
    if not rare:
        return None
    classes = rare[:_NAMED]
    return ProblemDetail(
        param="dataset",
        code="rare_classes",
        message=(
            f"{len(rare):,} of the classes have one sample ({', '.join(map(repr, classes))}{' …' if len(rare) > len(classes) else ''}), which is either "
            "learned or held out: add samples of them, or remove them"
        ),
        params={"count": len(rare), "classes": classes},
    )


def _missing(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    without = {report.name: report.found.get("unlabelled", 0) for report in reports}
    total = sum(without.values())
    if not total or spec.data.on_missing_label == "skip":
        return None
    first = next(name for name, count in without.items() if count)
    return ProblemDetail(
        param="data.on_missing_label",
        code="labels_missing",
        message=(
            f"{total:,} of the dataset's samples have no class, the first in {first}: give each one, or set "
            "data.on_missing_label to skip"
        ),
        params={"case": "dataset", "without": total, "file": first},
    )


def _unknown_weights(spec: JobSpec, classes: Counter[str]) -> ProblemDetail | None:
    weights = getattr(spec.task, "class_weights", None)
    unknown = sorted(set(weights) - set(classes)) if isinstance(weights, dict) else []
    if not unknown:
        return None
    return ProblemDetail(
        param="task.class_weights",
        code="unknown_class",
        message=f"{unknown[0]!r} is no class of the dataset; it has {', '.join(map(repr, sorted(classes)[:20]))}",
        params={"name": unknown[0], "classes": sorted(classes)[:20]},
    )
