"""Whether the labels of a text dataset suffice for a task that learns them, as far as inspection knows.

It does not know them where the job reads a column that has too many different values to have been counted, columns of files in
CoNLL layout other than the first and the last, or labels in a string with a separator: then only the engine does.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from control.datasets.text_labels import labels_of, read_column, summed
from control.jobs.sufficiency.report import Report, too_small
from control.schemas import ProblemDetail
from core.spec.job import JobSpec

_NAMED = 5
_COLUMNS_NAMED = 100
"""Columns that inspection names, at most; and it counts the values of `_COLUMNS_COUNTED`."""
_COLUMNS_COUNTED = 8


def judge_text_labels(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    """Why the job cannot learn these labels; None if no reason is known."""
    texts = _texts(reports)
    if any(not labels_of(report.found) for report in texts):
        return None  # inspected by an earlier version
    if spec.task.text_labels == "tags":
        return None if spec.data.text.columns is not None else _judge_tags(spec, texts)
    return _columns(spec, texts) or _judge_classes(spec, texts)


def class_counts(spec: JobSpec, reports: Sequence[Report]) -> Counter[str] | None:
    """Number of samples of each class, of tags number of entities; None where inspection does not know them."""
    kind, text, texts = spec.task.text_labels, spec.data.text, _texts(reports)
    if kind == "tags" and text.columns is None:
        entities = summed(
            (labels_of(report.found).get("tags") or {"entities": {}} for report in texts), "entities"
        )
        tags = {
            f"{prefix}-{name}" if name else prefix: count
            for name, count in entities.items()
            for prefix in "BI"
        }
        return Counter({"O": sum(entities.values()) + 2, **tags})
    if kind not in {"one", "several"} or (kind == "several" and text.label_separator):
        return None
    found: Counter[str] = Counter()
    for report in texts:
        column = read_column(report.found, text.label_column)
        if column is None or column["class_count"] is None:
            return None
        found.update(column["classes"])
    return found


def _texts(reports: Sequence[Report]) -> list[Report]:
    return [report for report in reports if report.found.get("documents")]


def _judge_tags(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    found: list[Mapping[str, Any]] = []
    for report in reports:
        tags = labels_of(report.found).get("tags")
        if tags is None:
            return _refused(
                "dataset",
                "data_unreadable",
                f"{report.name} has no words with tags, which {spec.task.kind} learns from: it is not in CoNLL layout. Choose "
                "another dataset, or set data.text.columns",
                case="no_tags",
                file=report.name,
                task=spec.task.kind,
            )
        if problem := tags["problem"]:
            return _refused(
                "dataset",
                "data_unreadable",
                f"{problem['message']}: upload the corrected file",
                case="tags",
                problem=problem,
            )
        if tags["untagged"] and (
            missing := _missing(spec, tags["untagged"], report.name, tags.get("first_untagged"))
        ):
            return missing
        found.append(tags)
    entities = summed(found, "entities")
    if not entities:
        return _refused(
            "dataset",
            "too_few_classes",
            "no word of the dataset has a tag other than O, so that there is no entity to learn",
            case="no_entity",
        )
    return _unseen(entities, summed(found, "held_out"))


def _columns(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    """The problem of a table that lacks a column that the spec names."""
    text = spec.data.text
    for report in reports:
        names = labels_of(report.found).get("names", [])
        for field, wanted in (("label_column", text.label_column), ("split_column", text.split_column)):
            if wanted is None or wanted in names or not names or len(names) >= _COLUMNS_NAMED:
                continue
            return _refused(
                f"data.text.{field}",
                "data_unreadable",
                f"{report.name} has no column {wanted!r}; beside the text it has {', '.join(map(repr, names[:20]))}",
                case="label_column",
                file=report.name,
                column=wanted,
                columns=names[:20],
            )
    return None


def _judge_classes(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    known: list[Mapping[str, Any]] = []
    for report in reports:
        column = read_column(report.found, spec.data.text.label_column)
        if column is not None:
            known.append(column)
            if problem := _missing(spec, column["unlabelled"], report.name, column["first_unlabelled"]):
                return problem
        elif spec.data.on_missing_label == "refuse" and _is_known(report):
            return _refused(
                "data.text.label_column",
                "labels_missing",
                f"{report.name} has no column of labels, which {spec.task.kind} learns from: name the column, or set "
                "data.on_missing_label to skip",
                case="no_column",
                file=report.name,
                task=spec.task.kind,
            )
    counts = class_counts(spec, reports)
    if counts is None:
        return None
    if spec.task.text_labels == "one" and len(counts) < 2:
        only = next(iter(counts), None)
        there = "without classes" if only is None else f"of one class alone, {only!r}"
        return _refused(
            "dataset",
            "too_few_classes",
            f"{spec.task.kind} learns classes, and the dataset's texts are {there}: name the column with the classes "
            "(data.text.label_column), or put the texts of each class into a folder of its own",
            case="texts",
            task=spec.task.kind,
            only=only,
        )
    return None if spec.data.text.split_column is not None else _unseen(counts, summed(known, "held_out"))


def _is_known(report: Report) -> bool:
    """Whether inspection counted all columns of a file that could be labels."""
    columns = labels_of(report.found).get("columns", ())
    return report.found.get("kind") != "zip" and len(columns) < _COLUMNS_COUNTED


def _missing(spec: JobSpec, without: int, file: str, line: int | None) -> ProblemDetail | None:
    if not without or spec.data.on_missing_label == "skip":
        return None
    first = "" if line is None else f", the first in line {line:,}"
    return _refused(
        "data.on_missing_label",
        "labels_missing",
        f"{without:,} of the samples of {file} have no label{first}: give each one, or set data.on_missing_label to skip",
        case="text",
        without=without,
        file=file,
        line=line,
    )


def _unseen(classes: Counter[str], held_out: Counter[str]) -> ProblemDetail | None:
    if sum(classes.values()) == sum(held_out.values()):
        return too_small(
            "all texts of the dataset are held out for evaluation, by the names of their files or folders (test, dev, validation "
            "…), and none is left to learn from: add texts, or rename what is to be learned from",
            case="all_texts_held_out",
        )
    unseen = sorted(name for name, count in held_out.items() if count and count == classes[name])
    if not unseen:
        return None
    named = unseen[:_NAMED]
    return _refused(
        "dataset",
        "unseen_classes",
        f"{len(unseen):,} of the classes are only in files or folders that are held out, and could not be learned "
        f"({', '.join(map(repr, named))}{' …' if len(unseen) > len(named) else ''}): add samples of them to learn from, or remove "
        "the held-out ones",
        case="dataset",
        count=len(unseen),
        classes=named,
    )


def _refused(param: str, code: str, message: str, **params: Any) -> ProblemDetail:
    return ProblemDetail(param=param, code=code, message=message, params=params)
