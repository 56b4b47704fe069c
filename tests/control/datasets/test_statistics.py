"""A dataset's statistics, computed from its files' reports."""

import numpy as np
import pytest

from control.datasets.statistics import audio_statistics, image_statistics, summary, text_statistics


def test_each_image_has_the_same_weight_whichever_file_has_it() -> None:
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
    assert found["bad_samples"] == 2 * [
        {"sample": "a.png", "reason": "is cut off", "code": None, "params": {}}
    ]


def test_few_sizes_are_listed_and_the_others_counted() -> None:
    found = image_statistics([{"sha256": "x", "samples": 30, "sizes": [[n, n, 1] for n in range(8, 38)]}])
    assert len(found["sizes"]) == 20  # type: ignore[arg-type]
    assert found["other_sizes"] == 10


def test_lengths_of_several_files_are_added() -> None:
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


def test_recordings_are_added_and_all_of_a_duplicate_file_are_repeats() -> None:
    sound = {
        "hours": 0.5,
        "shortest_seconds": 0.4,
        "longest_seconds": 3.0,
        "length_histogram": [0, 2, 2],
        "sampling_rates": {"8000": 4},
        "channels": {"1": 4},
        "silent_share": 0.2,
        "clipped_share": 0.0,
    }
    report = {"sha256": "x", "samples": 4, "duplicates": 1, "bad": 1, "classes": {"one": 4}, "sound": sound}
    loud = {**sound, "hours": 1.5, "shortest_seconds": 0.2, "silent_share": 0.0, "length_histogram": [1]}
    found = audio_statistics([report, report, {**report, "sha256": "y", "sound": loud}])
    assert found["duplicates"] == 1 + 4 + 1
    assert (found["hours"], found["shortest_seconds"], found["longest_seconds"]) == (2.5, 0.2, 3.0)
    assert found["silent_share"] == pytest.approx(0.2 * 1.0 / 2.5)
    assert found["length_histogram"] == [
        {"from_seconds": 0.0, "to_seconds": 0.1, "recordings": 1},
        {"from_seconds": 0.1, "to_seconds": 0.2, "recordings": 4},
        {"from_seconds": 0.2, "to_seconds": 0.4, "recordings": 4},
    ]
    assert found["classes"] == [{"name": "one", "recordings": 12}]


def test_transcripts_of_all_files_are_added_up() -> None:
    one = {"rows": 3, "matched": 2, "orphans": 1, "repeated": 0, "characters": 9, "words": 4}
    further = {
        "first_orphans": ["a.zip (t.csv), line 4: x.wav"],
        "examples": [["1.wav", "one"]],
        "problem": None,
    }
    found = audio_statistics(
        [{"sha256": "a", "transcripts": one | further}, {"sha256": "b", "transcripts": None}]
    )
    assert found["transcripts"] == one | {
        "first_orphans": ["a.zip (t.csv), line 4: x.wav"],
        "problems": [],
        "examples": [{"recording": "1.wav", "text": "one"}],
    }
    assert "transcripts" not in summary(found)
    assert "transcripts" not in audio_statistics([{"sha256": "b"}])
