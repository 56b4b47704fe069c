"""Measures of resamples are those of the repeated samples, as torchmetrics (in single precision) and the counts of entities have them."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import binary_auroc, multilabel_auroc
from torchmetrics.functional.regression import r2_score

from core.evaluation.bootstrap import intervals, paired_intervals
from core.evaluation.classification import several_labels
from core.evaluation.outcomes.base import Outcomes
from core.evaluation.outcomes.classes import ClassOutcomes
from core.evaluation.outcomes.label_sets import LabelSetOutcomes
from core.evaluation.outcomes.numbers import NumberOutcomes
from core.evaluation.outcomes.ranking import Ranking
from core.evaluation.outcomes.tags import TagOutcomes
from core.evaluation.outcomes.transcripts import TranscriptOutcomes
from core.evaluation.tag_reports import TaggedSentence

Indices = NDArray[np.int64]
COUNT = 40
CLASSES = [f"class {number}" for number in range(7)]


def _classes(indices: Indices, seed: int) -> Outcomes:
    dice = np.random.default_rng(seed)
    labels = np.random.default_rng(0).integers(0, 6, COUNT)  # the last class has no sample
    # Rounded, so that probabilities are equal and the order of equal ones counts.
    scores = (dice.normal(size=(COUNT, 7)) + 2 * np.eye(7)[labels]).round(0)
    return ClassOutcomes(torch.from_numpy(scores[indices]), labels[indices], CLASSES)


def _label_sets(indices: Indices, seed: int) -> Outcomes:
    dice = np.random.default_rng(seed)
    labels = np.random.default_rng(0).random((COUNT, 7)) < 0.3
    labels[:, 6] = False
    scores = (dice.normal(size=(COUNT, 7)) + 2 * labels - 1).round(1)
    return LabelSetOutcomes(torch.from_numpy(scores[indices]), labels[indices], CLASSES)


def _numbers(indices: Indices, seed: int) -> Outcomes:
    dice = np.random.default_rng(seed)
    truth = np.random.default_rng(0).integers(0, 9, COUNT) / 10
    predicted = (truth + dice.normal(0, 0.3, COUNT)).round(1)
    return NumberOutcomes(predicted[indices], truth[indices])


def _tags(indices: Indices, seed: int) -> Outcomes:
    tags = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    dice = np.random.default_rng(seed)
    truth = np.random.default_rng(0)
    lengths = truth.integers(0, 9, COUNT)
    sentences = []
    for length in lengths:
        true = truth.choice(tags, length)
        predicted = np.where(dice.random(length) < 0.7, true, dice.choice(tags, length))
        sentences.append(TaggedSentence(true.tolist(), predicted.tolist()))
    losses = dice.random(COUNT) * lengths
    return TagOutcomes([sentences[number] for number in indices], losses[indices], lengths[indices])


def _transcripts(indices: Indices, seed: int) -> Outcomes:
    words = ["one", "two", "three", "four"]
    dice, truth = np.random.default_rng(seed), np.random.default_rng(0)
    references = [" ".join(truth.choice(words, truth.integers(1, 7))) for _ in range(COUNT)]
    said = [
        " ".join(word for word in [*reference.split(), "four"] if dice.random() < 0.8)
        for reference in references
    ]
    losses, terms = dice.random(COUNT) * 9, np.array([len(one) for one in references])
    return TranscriptOutcomes(
        [said[number] for number in indices],
        [references[number] for number in indices],
        losses[indices],
        terms[indices],
    )


KINDS: dict[str, Callable[[Indices, int], Outcomes]] = {
    "classes": _classes,
    "label sets": _label_sets,
    "numbers": _numbers,
    "tags": _tags,
    "transcripts": _transcripts,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_resample_has_the_measures_of_its_samples(kind: str) -> None:
    make, everything = KINDS[kind], np.arange(COUNT)
    outcomes, dice = make(everything, 1), np.random.default_rng(5)
    assert outcomes.measure(np.ones(COUNT, np.int64)) == pytest.approx(outcomes.values)
    assert len(outcomes) == COUNT
    for size in (COUNT, COUNT, COUNT, 5, 2, 1):
        chosen = dice.integers(0, COUNT, size)
        found = outcomes.measure(np.bincount(chosen, minlength=COUNT))
        expected = {name: value for name, value in make(chosen, 1).values.items() if not np.isnan(value)}
        assert {name for name, value in found.items() if not np.isnan(value)} == set(expected)
        assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-5), size


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_and_paired_intervals_are_those_of_a_slow_bootstrap(kind: str) -> None:
    """The same resamples, each evaluated as if it were the dataset."""
    make, everything, options = KINDS[kind], np.arange(COUNT), {"resamples": 100, "level": 0.9, "seed": 3}
    first, second = make(everything, 1), make(everything, 2)
    generator = np.random.default_rng(3)
    own: list[dict[str, float]] = []
    differences: list[dict[str, float]] = []
    for _ in range(100):
        chosen = generator.integers(0, COUNT, COUNT)
        one, other = make(chosen, 1).values, make(chosen, 2).values
        own.append(one)
        differences.append({name: other[name] - one[name] for name in one.keys() & other.keys()})
    found = intervals(first.measure, COUNT, **options)
    paired = paired_intervals(first.measure, second.measure, COUNT, **options)
    assert set(found) == set(paired) == set(first.values)
    for series, result in ((own, found), (differences, paired)):
        for name, interval in result.items():
            low, high = np.quantile([values[name] for values in series if name in values], [0.05, 0.95])
            assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-5), name


def test_what_is_correct_is_what_the_accuracy_counts() -> None:
    for make, name in ((_classes, "accuracy"), (_label_sets, "exact_match")):
        outcomes = make(np.arange(COUNT), 1)
        assert float(outcomes.correct[name].mean()) == pytest.approx(outcomes.values[name])
    assert not _numbers(np.arange(COUNT), 1).correct


def test_areas_of_equal_probabilities_are_those_of_torchmetrics() -> None:
    dice = np.random.default_rng(0)
    probabilities, positives = dice.integers(0, 4, (60, 3)) / 4, dice.random((60, 3)) < 0.4
    positives[:, 2] = True
    counts = np.bincount(dice.integers(0, 60, 60), minlength=60)
    found = Ranking(probabilities, positives).areas(counts)
    repeated = np.repeat(np.arange(60), counts)
    for number in range(2):
        scores, truth = (torch.from_numpy(part[repeated, number]) for part in (probabilities, positives))
        assert found[number] == pytest.approx(float(binary_auroc(scores, truth.long())))
    assert np.isnan(found[2]), "all samples belong to it"


def test_measures_of_several_labels_and_of_numbers_are_those_of_torchmetrics() -> None:
    dice = torch.Generator().manual_seed(0)
    labels = torch.rand((80, 4), generator=dice) < 0.4
    scores = torch.randn((80, 4), generator=dice) + labels
    found = several_labels(scores, labels)
    assert found["auroc"] == pytest.approx(
        float(multilabel_auroc(scores.double().sigmoid(), labels.long(), 4, average="macro"))
    )
    predicted = scores >= 0
    assert found["micro_precision"] == pytest.approx(float((predicted & labels).sum() / predicted.sum()))
    assert found["micro_recall"] == pytest.approx(float((predicted & labels).sum() / labels.sum()))
    truth, numbers = scores[:, 0].numpy(), scores[:, 1].numpy()
    expected = float(r2_score(torch.from_numpy(numbers).double(), torch.from_numpy(truth).double()))
    assert NumberOutcomes(numbers, truth).values["r2"] == pytest.approx(expected)


def test_numbers_that_are_all_equal_have_no_correlation() -> None:
    outcomes = NumberOutcomes(np.array([0.1, 0.2, 0.3]), np.array([0.1, 0.1, 0.7]))
    found = outcomes.measure(np.array([2, 1, 0]))
    assert set(found) == {"loss", "mean_absolute_error"}
    assert set(outcomes.measure(np.array([1, 1, 1]))) == set(outcomes.values)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outputs_that_are_not_finite_have_no_interval_without_a_value_and_documents_in_json(
    value: float,
) -> None:
    labels = np.arange(10) % 3
    scores = torch.randn((10, 3), generator=torch.Generator().manual_seed(0))
    scores[2, 1] = value
    kinds: list[Outcomes] = [
        ClassOutcomes(scores, labels, CLASSES[:3]),
        LabelSetOutcomes(scores, labels[:, None] == np.arange(3), CLASSES[:3]),
        NumberOutcomes(scores[:, 1].numpy(), labels),
    ]
    for outcomes in kinds:
        found = outcomes.measure(np.ones(10, np.int64))
        assert {name for name, one in found.items() if np.isfinite(one)} <= {
            name for name, one in outcomes.values.items() if np.isfinite(one)
        }
        documents = outcomes.documents(lambda places: [{} for _ in places])
        assert json.dumps(documents, allow_nan=False)
