"""Jobs on text whose labels cannot be learned are refused when they are submitted, as the engine would refuse them."""

import json
from typing import Any

import pytest

from control.datasets.statistics import text_statistics
from control.db import WriteSession
from control.jobs.sufficiency import class_count
from core.spec.problems import validate
from tests.control.jobs.agreement import Upload, admitted, engine_refuses, inspected
from tests.factories import make_project


def job(
    kind: str, *, missing: str = "refuse", task: dict[str, Any] | None = None, **text: Any
) -> dict[str, Any]:
    return {
        "name": "any",
        "task": {"kind": kind, **(task or {})},
        "model": {"layers": 1, "hidden_size": 16, "heads": 2},
        "training": {"steps": 1, "batch_size": 2, "sequence_length": 64},
        "data": {"tokenizer": {"kind": "byte"}, "on_missing_label": missing, "text": text},
    }


def table(name: str, labels: list[Any], **more: list[Any]) -> Upload:
    rows = [
        {
            "text": f"text {name} {number}",
            "label": label,
            **{key: values[number] for key, values in more.items()},
        }
        for number, label in enumerate(labels)
    ]
    return Upload(name, "".join(json.dumps(row) + "\n" for row in rows).encode())


CLASSES = ["a", "b"] * 8
GOOD = table("a.jsonl", CLASSES)
TAGS = "Anna\tB-PER\nlives\tO\n\nin\tO\nOslo{0}\tB-LOC\n\n"
TAGGED = "".join(TAGS.format(number) + f"Bo{number}\tB-PER\n\n" for number in range(6))


def conll(text: str, name: str = "a.conll") -> Upload:
    return Upload(name, text.encode())


CASES: dict[str, tuple[dict[str, Any], list[Upload], str | None, str]] = {
    "classes": (job("text_classification"), [GOOD], None, ""),
    "no label": (
        job("text_classification"),
        [table("a.jsonl", [*CLASSES, None])],
        "labels_missing",
        "1 of the samples of a.jsonl have no label, the first in line 17",
    ),
    "no label, skipped": (
        job("text_classification", missing="skip"),
        [table("a.jsonl", [*CLASSES, None])],
        None,
        "",
    ),
    "no column": (
        job("text_classification"),
        [Upload("a.csv", b"text,kind\na,x\nb,y\nc,x\nd,y\n")],
        "labels_missing",
        "a.csv has no column of labels",
    ),
    "a column that is named": (
        job("text_classification", label_column="kind"),
        [Upload("a.csv", b"text,kind\na,x\nb,y\nc,x\nd,y\n")],
        None,
        "",
    ),
    "a column that is not there": (
        job("text_classification", label_column="sort"),
        [Upload("a.csv", b"text,kind\na,x\nb,y\nc,x\nd,y\n")],
        "data_unreadable",
        "a.csv has no column 'sort'; beside the text it has 'kind'",
    ),
    "one class": (
        job("text_classification"),
        [table("a.jsonl", ["a"] * 9)],
        "too_few_classes",
        "of one class alone, 'a'",
    ),
    "a class that is only held out": (
        job("text_classification"),
        [table("train.jsonl", CLASSES), table("dev.jsonl", ["a", "c"])],
        "unseen_classes",
        "only in files or folders that are held out, and could not be learned ('c')",
    ),
    "all held out": (
        job("text_classification"),
        [table("test.jsonl", CLASSES)],
        "dataset_too_small",
        "all texts",
    ),
    "a column of splits": (
        job("text_classification", split_column="part"),
        [table("a.jsonl", CLASSES, part=["train", "train", "test", "train"] * 4)],
        None,
        "",
    ),
    "several": (
        job("text_classification", task={"target": "several"}),
        [table("a.jsonl", [["a", "b"], []] * 6)],
        None,
        "",
    ),
    "numbers": (
        job("text_classification", task={"target": "number"}),
        [table("a.jsonl", list(range(12)))],
        None,
        "",
    ),
    "tags": (job("token_classification"), [conll(TAGGED)], None, ""),
    "tags in a text file": (job("token_classification"), [conll(TAGGED, "a.txt")], None, ""),
    "prose": (
        job("token_classification"),
        [conll(TAGGED), Upload("b.txt", b"Prose.\n")],
        "data_unreadable",
        "b.txt has no words with tags",
    ),
    "no scheme": (
        job("token_classification"),
        [conll(TAGGED + "a\tO\nb\tI-PER\n")],
        "data_unreadable",
        "a.conll: line 50: 'I-PER' follows 'O'",
    ),
    "no tag": (
        job("token_classification"),
        [conll(TAGGED + "a\tPER\n")],
        "data_unreadable",
        "a.conll: line 49: 'PER' is no tag",
    ),
    "no entity": (
        job("token_classification"),
        [conll("a\tO\n\nb\tO\n\nc\tO\n\n")],
        "too_few_classes",
        "no entity",
    ),
    "a type that is only held out": (
        job("token_classification"),
        [conll(TAGGED, "train.conll"), conll("x\tB-ORG\n\n", "test.conll")],
        "unseen_classes",
        "('ORG')",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_submission_and_the_engine_agree(session: WriteSession, name: str) -> None:
    document, uploads, code, message = CASES[name]
    reports = inspected(uploads, "text")
    assert reports is not None
    answer = admitted(session, make_project(session), document, uploads, reports, "text")
    refused = engine_refuses(document, uploads, "text")
    assert answer.valid == (refused is None), f"{answer.errors}, but the engine: {refused}"
    if code is None:
        assert answer.errors == []
    else:
        (problem,) = answer.errors
        assert problem.code == code
        assert message in problem.message


def test_broken_columns_are_refused_at_the_upload() -> None:
    assert inspected([conll(TAGGED + "broken\n")], "text") is None


def statistics(*uploads: Upload) -> dict[str, Any]:
    reports = inspected(list(uploads), "text")
    assert reports is not None
    return text_statistics(
        [{"sha256": str(number), **report} for number, report in enumerate(reports.values())]
    )


def test_statistics_tell_the_kind_of_the_labels() -> None:
    assert statistics(table("a.jsonl", [["a"], ["a", "b"]]))["label_kind"] == "several"
    assert statistics(table("a.jsonl", [["a"]]), table("b.jsonl", ["b"]))["label_kind"] is None
    assert statistics(table("a.jsonl", [number / 7 for number in range(2000)]))["label_kind"] == "number"


def test_statistics_of_classes() -> None:
    found = statistics(
        table("train.jsonl", ["b", "a", "a", None], note=[1, 2, 3, 4]), table("test.jsonl", ["a"])
    )
    assert (found["label_column"], found["label_kind"]) == ("label", "one")
    assert found["label_columns"] == [{"name": "label", "kind": "one"}, {"name": "note", "kind": "one"}]
    assert (found["class_count"], found["unlabelled"], found["held_out"], found["tags"]) == (2, 1, 1, None)
    assert found["classes"] == [
        {
            "name": "a",
            "documents": 3,
            "held_out": 1,
            "examples": ["text train.jsonl 1", "text train.jsonl 2"],
        },
        {"name": "b", "documents": 1, "held_out": 0, "examples": ["text train.jsonl 0"]},
    ]


def test_statistics_of_a_column_of_splits() -> None:
    found = statistics(table("a.jsonl", CLASSES, part=["train", "train", "test", "train"] * 4))
    assert found["splits"] == [
        {"column": "part", "name": "test", "documents": 4},
        {"column": "part", "name": "train", "documents": 12},
    ]
    assert {"name": "part", "kind": "split"} in found["label_columns"]


def test_statistics_of_tags() -> None:
    tags = statistics(conll(TAGGED, "train.conll"), conll("x\tB-PER\ny\tI-PER\n", "dev.conll"))["tags"]
    assert (tags["scheme"], tags["sentences"], tags["words"], tags["problem"]) == ("IOB2", 19, 32, None)
    assert [(one["type"], one["entities"], one["held_out"]) for one in tags["entities"]] == [
        ("LOC", 6, 0),
        ("PER", 13, 1),
    ]
    assert tags["entities"][0]["examples"] == ["Oslo0", "Oslo1"]


def test_columns_of_many_values_are_scores_or_no_labels() -> None:
    many = [f"id {number}" for number in range(1500)]
    found = statistics(table("a.jsonl", [number / 7 for number in range(1500)], note=many))
    assert found["label_columns"] == [{"name": "label", "kind": "number"}, {"name": "note", "kind": "other"}]
    assert found["classes"] == []


class _File:
    def __init__(self, name: str, report: dict[str, Any]) -> None:
        self.name, self.bytes, self.report = name, 1, report


def test_the_number_of_classes_is_known_for_the_estimate() -> None:
    for document, upload, expected in (
        (job("text_classification"), GOOD, 2),
        (job("token_classification"), conll(TAGGED), 5),
        (job("text_classification", task={"target": "number"}), GOOD, None),
        (job("masked_lm"), GOOD, None),
    ):
        reports = inspected([upload], "text")
        assert reports is not None
        assert class_count(validate(document), [_File(upload.name, reports[upload.name])]) == expected  # type: ignore[list-item]
