"""Documents of predictions of several classes, numbers, tags and transcripts, for predictions that can be counted by hand."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.evaluation.label_reports import label_documents
from core.evaluation.number_reports import POINTS, number_documents
from core.evaluation.reports import MISTAKES
from core.evaluation.tag_reports import TaggedSentence, tag_documents
from core.evaluation.transcript_reports import aligned, transcript_documents


def _show(places: NDArray[np.int64]) -> Sequence[dict[str, Any]]:
    return [{"text": f"number {place}"} for place in places]


def _by_kind(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    # As it is sent: JSON has no NaN.
    return {one["kind"]: one for one in json.loads(json.dumps(documents, allow_nan=False))}


def test_several_classes() -> None:
    probabilities = np.array([[0.9, 0.2, 0.5], [0.8, 0.6, 0.1], [0.1, 0.3, 0.1]])
    labels = np.array([[True, False, True], [False, True, False], [True, False, False]])
    found = _by_kind(label_documents(probabilities, labels, ("a", "b", "c"), _show))
    assert set(found) == {"per_class", "reliability", "label_mistakes"}
    assert [row["class"] for row in found["per_class"]["rows"]] == ["a", "b", "c"]
    assert found["per_class"]["rows"][0] == {
        "class": "a",
        "samples": 2,
        "precision": 0.5,
        "recall": 0.5,
        "f1": 0.5,
        "auroc": 0.5,
    }
    assert found["per_class"]["rows"][1]["auroc"] == 1.0
    assert sum(one["samples"] for one in found["reliability"]["bins"]) == 9, "every decision"
    assert found["label_mistakes"]["mistakes"] == [
        {
            "sample": 2,
            "missed": [{"class": "a", "probability": 0.1}],
            "added": [],
            "right": [],
            "text": "number 2",
        },
        {
            "sample": 1,
            "missed": [],
            "added": [{"class": "a", "probability": 0.8}],
            "right": [{"class": "b", "probability": 0.6}],
            "text": "number 1",
        },
    ]


def test_numbers() -> None:
    predicted, truth = np.array([1.0, 2.0, np.nan, 7.0]), np.array([1.0, 2.5, 3.0, 4.0])
    found = _by_kind(number_documents(predicted, truth, _show))
    assert found["scatter"]["points"] == [[1.0, 1.0], [2.5, 2.0], [4.0, 7.0]]
    assert found["scatter"]["samples"] == 4
    assert found["scatter"]["r2"] is None, "one prediction is no number"
    assert [one["sample"] for one in found["number_mistakes"]["mistakes"]] == [2, 3, 1, 0]
    assert found["number_mistakes"]["mistakes"][0]["predicted"] is None
    many = number_documents(np.arange(5000.0), np.arange(5000.0), _show)[0]
    assert len(many["points"]) == POINTS
    assert many["points"][-1][0] > 4900, "spread over all samples"
    assert many["r2"] == pytest.approx(1)


def test_tags() -> None:
    sentences = [
        TaggedSentence(["B-a", "I-a", "O"], ["B-a", "I-a", "O"]),
        TaggedSentence(["B-a", "O", "B-b"], ["B-a", "I-a", "O"]),
        TaggedSentence(["O"], ["B-b"]),
    ]
    found = _by_kind(tag_documents(sentences, lambda places: [{"words": ["w"]} for _ in places]))
    rows = {row["type"]: row for row in found["entity_types"]["rows"]}
    assert rows["a"] == {"type": "a", "entities": 2, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert rows["b"] == {"type": "b", "entities": 1, "precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert found["entity_types"]["all"]["entities"] == 3
    assert found["tag_mistakes"]["sentences"] == [
        {
            "sample": 1,
            "true": [{"type": "a", "first": 0, "last": 0}, {"type": "b", "first": 2, "last": 2}],
            "predicted": [{"type": "a", "first": 0, "last": 1}],
            "words": ["w"],
        },
        {"sample": 2, "true": [], "predicted": [{"type": "b", "first": 0, "last": 0}], "words": ["w"]},
    ]


def test_transcripts() -> None:
    references = ["the cat sat", "yes", "no"]
    hypotheses = ["the hat sat down", "", "no"]
    found = _by_kind(transcript_documents(hypotheses, references, np.array([2, 1, 0]), _show))["utterances"]
    assert (found["count"], found["right"]) == (3, 1)
    assert [one["sample"] for one in found["mistakes"]] == [1, 0], "by word error rate"
    assert found["mistakes"][0]["words"] == [{"reference": "yes", "hypothesis": None}]
    assert [tuple(one.values()) for one in found["mistakes"][1]["words"]] == [
        ("the", "the"),
        ("cat", "hat"),
        ("sat", "sat"),
        (None, "down"),
    ]


def test_an_alignment_has_as_many_edits_as_the_distance() -> None:
    dice = np.random.default_rng(0)
    for _ in range(30):
        first, second = (dice.choice(list("abc"), dice.integers(0, 8)).tolist() for _ in range(2))
        found = aligned(first, second)
        assert [one for one, _ in found if one is not None] == first
        assert [other for _, other in found if other is not None] == second
        assert sum(one != other for one, other in found) == _distance(first, second)


def _distance(first: list[str], second: list[str]) -> int:
    """By its definition."""
    if not first or not second:
        return len(first) + len(second)
    return min(
        _distance(first[1:], second) + 1,
        _distance(first, second[1:]) + 1,
        _distance(first[1:], second[1:]) + (first[0] != second[0]),
    )


def test_without_samples_there_are_no_documents_and_mistakes_are_few() -> None:
    nothing = np.empty((0, 2))
    assert label_documents(nothing, nothing > 0, ("a", "b"), _show) == []
    assert number_documents(nothing[:, 0], nothing[:, 0], _show) == []
    assert tag_documents([], _show) == []
    assert transcript_documents([], [], np.empty(0, np.int64), _show) == []
    probabilities, labels = np.zeros((40, 2)), np.ones((40, 2), bool)
    assert (
        len(_by_kind(label_documents(probabilities, labels, "ab", _show))["label_mistakes"]["mistakes"])
        == MISTAKES
    )
