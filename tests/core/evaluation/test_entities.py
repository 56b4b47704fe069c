"""Entities are counted as seqeval counts them: recorded results of seqeval 1.2.2, also for tags that no scheme allows."""

import json
from pathlib import Path

import pytest

from core.evaluation.entities import EntityCounts, entities, strict_entities

RECORDED = json.loads((Path(__file__).parent / "seqeval.json").read_text())
"""For each case ``true`` and ``predicted``: sentences of tags; and what seqeval gives: ``default`` and, for tags of IOB2
alone, ``strict``, each with ``micro`` and the types: precision, recall, F1, support. Recorded by ``python -m benchmarks.token_f1 --record``."""


@pytest.mark.parametrize("case", RECORDED, ids=[case["name"] for case in RECORDED])
@pytest.mark.parametrize("mode", ["default", "strict"])
def test_the_numbers_are_those_of_seqeval(case: dict, mode: str):  # type: ignore[type-arg]
    if mode not in case:
        tags = [tag for sentence in (*case["true"], *case["predicted"]) for tag in sentence]
        with pytest.raises(ValueError, match="is no tag of IOB2"):
            list(strict_entities(tags))
        return
    counts = EntityCounts(strict=mode == "strict")
    for true, predicted in zip(case["true"], case["predicted"], strict=True):
        counts.add(true, predicted)
    found = {"micro": counts.micro, **counts.by_type}
    scores = {name: [one.precision, one.recall, one.f1, one.support] for name, one in found.items()}
    assert scores == case[mode]


def test_entities_that_broken_tags_mean():
    assert list(entities(["I-x", "I-x", "O", "I-y"])) == [("x", 0, 1), ("y", 3, 3)]
    assert list(entities(["B-x", "I-y"])) == [("x", 0, 0), ("y", 1, 1)]
    assert list(strict_entities(["I-x", "B-x", "I-y", "I-x"])) == [("x", 1, 1)]


def test_mistakes_of_a_sentence():
    counts = EntityCounts()
    assert counts.add(["B-x", "I-x", "O", "B-y"], ["B-x", "O", "O", "B-y"]) == 2
    assert counts.add(["O"], ["O"]) == 0
    with pytest.raises(ValueError, match="2 tags are true and 1 predicted"):
        counts.add(["O", "O"], ["O"])


def test_without_any_entity():
    counts = EntityCounts()
    counts.add(["O"], ["O"])
    assert (counts.micro.f1, counts.micro.support, counts.macro_f1, counts.by_type) == (0.0, 0, 0.0, {})
