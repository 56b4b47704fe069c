"""Documents of a classifier's predictions, for predictions that can be counted by hand; measures against torchmetrics."""

import base64
import io
import wave

import numpy as np
import pytest
import torch
from PIL import Image
from torchmetrics.functional.classification import multiclass_auroc, multiclass_calibration_error

from core.evaluation.classification import macro_auroc, single_label
from core.evaluation.reports import classification_documents, confusion, confusion_matrix, picture, sound

LABELS = np.array([0, 0, 1, 2, 2])
PROBABILITIES = np.array(
    [[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1], [0.1, 0.1, 0.8], [0.99, 0.01, 0.0]]
)
CLASSES = ("cat", "dog", "owl")


def _documents() -> dict[str, dict[str, object]]:
    found = classification_documents(
        PROBABILITIES, LABELS, CLASSES, lambda places: [{"text": str(place)} for place in places]
    )
    return {document["kind"]: document for document in found}


def test_rows_of_a_confusion_matrix_are_true_classes() -> None:
    document = _documents()["confusion_matrix"]
    assert document == {
        "kind": "confusion_matrix",
        "classes": ["cat", "dog", "owl"],
        "counts": [[1, 1, 0], [0, 1, 0], [1, 0, 1]],
        "left_out": 0,
    }


def test_only_the_most_frequent_classes_are_in_a_confusion_matrix() -> None:
    labels = np.repeat(np.arange(130), np.arange(130) % 3 + 1)
    counts = confusion(labels, labels, 130)
    document = confusion_matrix(counts, [f"class {number}" for number in range(130)])
    assert (len(document["classes"]), document["left_out"]) == (100, 30)
    kept = {int(name.removeprefix("class ")) % 3 + 1 for name in document["classes"]}
    assert 3 in kept
    assert sum(number % 3 == 2 for number in range(130)) == sum(
        int(name.removeprefix("class ")) % 3 == 2 for name in document["classes"]
    )


def test_measures_by_class() -> None:
    rows = _documents()["per_class"]["rows"]
    assert rows == [
        {"class": "cat", "samples": 2, "precision": 0.5, "recall": 0.5, "f1": 0.5, "auroc": 0.5},
        {
            "class": "dog",
            "samples": 1,
            "precision": 0.5,
            "recall": 1.0,
            "f1": pytest.approx(2 / 3),
            "auroc": 0.75,
        },
        {
            "class": "owl",
            "samples": 2,
            "precision": 1.0,
            "recall": 0.5,
            "f1": pytest.approx(2 / 3),
            "auroc": pytest.approx(7 / 12),
        },
    ]


def test_a_class_that_is_never_predicted_has_no_precision() -> None:
    found = classification_documents(
        np.eye(3)[[0, 0]], np.array([0, 1]), CLASSES, lambda places: [{} for _ in places]
    )
    rows = next(document for document in found if document["kind"] == "per_class")["rows"]
    assert [row["precision"] for row in rows] == [0.5, None, None]
    assert [row["recall"] for row in rows] == [1.0, 0.0, None]


def test_the_worst_mistake_comes_first_with_what_was_seen() -> None:
    assert _documents()["mistakes"]["mistakes"] == [
        {"sample": 4, "truth": "owl", "predicted": "cat", "confidence": 0.99, "text": "4"},
        {"sample": 1, "truth": "cat", "predicted": "dog", "confidence": 0.7, "text": "1"},
    ]


def test_without_samples_there_is_no_document() -> None:
    assert classification_documents(np.empty((0, 3)), np.empty(0, np.int64), CLASSES, lambda _: []) == []


def test_calibration_and_auroc_are_those_of_torchmetrics() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(300, 5, generator=generator) * 2
    labels = torch.randint(0, 5, (300,), generator=generator)
    found = single_label(scores, labels)
    probabilities = scores.double().softmax(dim=1)
    assert found["auroc"] == pytest.approx(float(multiclass_auroc(probabilities, labels, 5)))
    expected = float(multiclass_calibration_error(probabilities, labels, 5, n_bins=15))
    assert found["calibration_error"] == pytest.approx(expected)
    documents = classification_documents(
        probabilities.numpy(), labels.numpy(), list("abcde"), lambda places: [{} for _ in places]
    )
    reliability = next(document for document in documents if document["kind"] == "reliability")
    assert reliability["error"] == pytest.approx(expected)
    assert sum(one["samples"] for one in reliability["bins"]) == 300


def test_a_class_without_samples_is_left_out_of_auroc() -> None:
    scores = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 0.0], [1.0, 2.0, 0.0]]).softmax(dim=1)
    assert float(macro_auroc(scores, torch.tensor([0, 1, 1]))) == 1.0
    assert torch.isnan(macro_auroc(scores, torch.tensor([1, 1, 1])))


def test_pictures_and_sounds_open() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    image = base64.b64decode(picture(pixels)["image"].removeprefix("data:image/png;base64,"))
    assert (np.array(Image.open(io.BytesIO(image))) == pixels).all()
    content = sound(np.arange(-500, 80_000, dtype=np.int32).astype(np.int16), 8000)["sound"]
    with wave.open(io.BytesIO(base64.b64decode(content.removeprefix("data:audio/wav;base64,")))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (8000, 1, 40_000)
        assert np.frombuffer(file.readframes(2), "<i2").tolist() == [-500, -499]
