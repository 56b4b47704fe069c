"""The labels of a text dataset, from the inspection reports of its files."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.spec.text_data import LABEL_COLUMNS

_CLASSES = 1000


def labels_of(report: Mapping[str, Any]) -> Mapping[str, Any]:
    """`core.formats.text.label_census.LabelCensus.facts` of a file; empty for a file that an earlier version inspected."""
    found: Mapping[str, Any] = report.get("labels") or {}
    return found


def read_column(report: Mapping[str, Any], wanted: str | None) -> Mapping[str, Any] | None:
    """The census of the column of labels that a job reads of a file, or of its folders; None where there is none.

    Args:
        wanted: ``data.text.label_column``.
    """
    labels = labels_of(report)
    columns = {column["name"]: column for column in labels.get("columns", ())}
    if columns:
        names = LABEL_COLUMNS if wanted is None else (wanted,)
        return next((columns[name] for name in names if name in columns), None)
    folders: Mapping[str, Any] | None = labels.get("folders")
    return folders


def label_statistics(reports: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Classes with their counts and examples, other columns, tags of words, and the split that the data bring."""
    read = [column for report in reports if (column := read_column(report, None)) is not None]
    classes, held_out, examples = summed(read, "classes"), summed(read, "held_out"), _examples(read)
    columns: dict[str, dict[str, Any]] = {}
    every = [column for report in reports for column in labels_of(report).get("columns", ())]
    for column in every:
        known = columns.setdefault(column["name"], {"name": column["name"], "kind": column["kind"]})
        known["kind"] = column["kind"] if known["kind"] == column["kind"] else "other"
    splits = [column for column in every if column["kind"] == "split"]
    kinds = {column["kind"] for column in read if column["name"] is not None}
    return {
        "held_out": sum(labels_of(report).get("held_out", 0) for report in reports),
        "label_column": next((column["name"] for column in read if column["name"] is not None), None),
        "label_kind": next(iter(kinds)) if len(kinds) == 1 else None,
        "label_columns": list(columns.values()),
        "unlabelled": sum(column["unlabelled"] for column in read),
        "class_count": len(classes),
        "classes": [
            {
                "name": name,
                "documents": classes[name],
                "held_out": held_out[name],
                "examples": examples.get(name, []),
            }
            for name in sorted(name for name, _ in classes.most_common(_CLASSES))
        ],
        "splits": [
            {"column": splits[0]["name"], "name": name, "documents": count}
            for name, count in sorted(summed(splits, "classes").items())
        ],
        "tags": _tags([tags for report in reports if (tags := labels_of(report).get("tags"))]),
    }


def summed(found: Iterable[Mapping[str, Any]], name: str) -> Counter[str]:
    """The counts of the same field together."""
    total: Counter[str] = Counter()
    for one in found:
        total.update(one[name])
    return total


def _tags(found: Sequence[Mapping[str, Any]]) -> dict[str, object] | None:
    if not found:
        return None
    entities, held_out, examples = summed(found, "entities"), summed(found, "held_out"), _examples(found)
    schemes = {tags["scheme"] for tags in found}
    return {
        "scheme": schemes.pop() if len(schemes) == 1 else None,
        **{name: sum(tags[name] for tags in found) for name in ("sentences", "words", "untagged")},
        "entities": [
            {
                "type": name,
                "entities": entities[name],
                "held_out": held_out[name],
                "examples": examples.get(name, []),
            }
            for name in sorted(entities)
        ],
        "problem": next((tags["problem"]["message"] for tags in found if tags["problem"]), None),
    }


def _examples(found: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    examples: dict[str, list[str]] = {}
    for one in found:
        for name, shown in one["examples"].items():
            examples.setdefault(name, shown)
    return examples
