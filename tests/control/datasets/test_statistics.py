"""A dataset's statistics out of its files'."""

import numpy as np
import pytest

from control.datasets.statistics import image_statistics, text_statistics


def test_images_weigh_the_same_whichever_file_they_lie_in() -> None:
    values = np.random.default_rng(0).random((10, 50, 3))
    parts = [values[:2], values[2:]]
    reports = [
        {
            "sha256": str(number),
            "samples": len(part),
            "duplicates": 1,
            "mean": part.mean((0, 1)).tolist(),
            "std": part.std((0, 1)).tolist(),
            "sizes": [[32, 32, len(part)]],
            "classes": {"cat": len(part)},
            "bad": 1,
            "bad_samples": [["a.png", "is cut off"]],
        }
        for number, part in enumerate(parts)
    ]
    found = image_statistics([*reports, {"sha256": "x", "samples": 0, "mean": [0.0] * 3, "std": [0.0] * 3}])
    assert found["mean"] == pytest.approx(values.mean((0, 1)))
    assert found["std"] == pytest.approx(values.std((0, 1)))
    assert found["sizes"] == [{"width": 32, "height": 32, "images": 10}]
    assert found["classes"] == [{"name": "cat", "images": 10}]
    assert (found["bad"], found["duplicates"]) == (2, 2)
    assert image_statistics([*reports, reports[1]])["duplicates"] == 2 + len(parts[1])
    assert found["bad_samples"] == 2 * [{"sample": "a.png", "reason": "is cut off"}]


def test_few_sizes_are_listed_and_the_others_counted() -> None:
    found = image_statistics([{"sha256": "x", "samples": 30, "sizes": [[n, n, 1] for n in range(8, 38)]}])
    assert len(found["sizes"]) == 20  # type: ignore[arg-type]
    assert found["other_sizes"] == 10


def test_lengths_add_up() -> None:
    reports = [
        {"length_histogram": [1, 2]},
        {"length_histogram": [0, 1, 4], "repeats": 1, "documents": 5},
        {},
    ]
    found = text_statistics([{**report, "sha256": str(n)} for n, report in enumerate(reports)])
    assert found["repeats"] == 1
    assert text_statistics([{**reports[1], "sha256": "x"}] * 2)["repeats"] == 1 + 5
    assert found["length_histogram"] == [
        {"from": 0, "to": 0, "documents": 1},
        {"from": 1, "to": 1, "documents": 3},
        {"from": 2, "to": 3, "documents": 4},
    ]
