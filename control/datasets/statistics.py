"""Statistics of a dataset, computed from the inspection reports of its files, each with the file's ``sha256``."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from control.datasets.text_labels import label_statistics

_SIZES = 20
_CLASSES = 1000
"""Number of classes that are listed, the largest ones."""
_LEFT_OUT_OF_LISTS = ("classes", "bad_samples", "names", "label_columns", "tags", "transcripts")


def text_statistics(reports: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """The statistics of a text dataset.

    ``length_histogram``: documents by length in characters, in buckets that double. ``scripts``: letters by script, the
    most frequent first. ``repeats``: documents that are there before, word for word, in their own file or as part of
    a file that is there twice; training reads each once, and drops repeats across different files too.
    """
    counts = [
        sum(column)
        for column in itertools.zip_longest(
            *(report.get("length_histogram", ()) for report in reports), fillvalue=0
        )
    ]
    scripts: Counter[str] = Counter()
    for report in reports:
        scripts.update(report.get("scripts", {}))
    ranked = sorted(scripts.items(), key=lambda item: (-item[1], item[0]))
    return {
        "length_histogram": [
            {"from": 2 ** (bits - 1) if bits else 0, "to": 2**bits - 1, "documents": count}
            for bits, count in enumerate(counts)
            if count
        ],
        "scripts": [{"script": script, "letters": letters} for script, letters in ranked],
        "repeats": _repeats(reports, "documents", "repeats"),
        **label_statistics(reports),
    }


def _repeats(reports: Sequence[Mapping[str, Any]], samples: str, repeats: str) -> int:
    """Samples that are in their file before, and all of a file that is there twice."""
    found = 0
    seen: set[str] = set()
    for report in reports:
        found += report.get(samples if report["sha256"] in seen else repeats, 0)
        seen.add(report["sha256"])
    return found


def image_statistics(reports: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Sizes and classes with their counts, what is bad, repeated, grey or set aside, and the channels' mean and deviation."""
    sizes: Counter[tuple[int, int]] = Counter()
    classes: Counter[str] = Counter()
    for report in reports:
        sizes.update({(width, height): count for width, height, count in report.get("sizes", ())})
        classes.update(report.get("classes", {}))
    total = sum(report.get("samples", 0) for report in reports)
    shown = sizes.most_common(_SIZES)
    mean, std = _channels(reports, total)
    return {
        **{
            name: sum(report.get(name, 0) for report in reports)
            for name in ("held_out", "gray", "bad", "unlabelled")
        },
        "duplicates": _repeats(reports, "samples", "duplicates"),
        "sizes": [{"width": width, "height": height, "images": count} for (width, height), count in shown],
        "other_sizes": total - sum(count for _, count in shown),
        "class_count": len(classes),
        "classes": [{"name": name, "images": classes[name]} for name in _largest(classes)],
        "bad_samples": _bad_samples(reports)[:_SIZES],
        "mean": mean,
        "std": std,
    }


def audio_statistics(reports: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Hours, lengths, rates, channels and classes with their counts, what is bad, repeated or set aside, and the shares that
    are silent or clipped."""
    sounds = [report["sound"] for report in reports if report.get("samples")]
    classes: Counter[str] = Counter()
    rates: Counter[int] = Counter()
    channels: Counter[int] = Counter()
    for report in reports:
        classes.update(report.get("classes", {}))
    for sound in sounds:
        rates.update({int(rate): count for rate, count in sound["sampling_rates"].items()})
        channels.update({int(number): count for number, count in sound["channels"].items()})
    hours = sum(sound["hours"] for sound in sounds)
    lengths = [
        sum(column)
        for column in itertools.zip_longest(*(sound["length_histogram"] for sound in sounds), fillvalue=0)
    ]
    return {
        **{
            name: sum(report.get(name, 0) for report in reports) for name in ("held_out", "bad", "unlabelled")
        },
        "duplicates": _repeats(reports, "samples", "duplicates"),
        "hours": hours,
        "shortest_seconds": min((sound["shortest_seconds"] for sound in sounds), default=0.0),
        "longest_seconds": max((sound["longest_seconds"] for sound in sounds), default=0.0),
        "length_histogram": [
            {
                "from_seconds": 2 ** (bits - 1) / 10 if bits else 0.0,
                "to_seconds": 2**bits / 10,
                "recordings": count,
            }
            for bits, count in enumerate(lengths)
            if count
        ],
        "sampling_rates": [{"hertz": rate, "recordings": rates[rate]} for rate in sorted(rates)],
        "channels": [{"channels": number, "recordings": channels[number]} for number in sorted(channels)],
        **{
            name: sum(sound[name] * sound["hours"] for sound in sounds) / hours if hours else 0.0
            for name in ("silent_share", "clipped_share")
        },
        "class_count": len(classes),
        "classes": [{"name": name, "recordings": classes[name]} for name in _largest(classes)],
        "bad_samples": _bad_samples(reports)[:_SIZES],
        "names": [name for report in reports for name in report.get("names", ())][:_SIZES],
        **_transcripts(reports),
    }


def _transcripts(reports: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """``transcripts``: the sums over the files that have some, and some examples; nothing where none has."""
    found = [report["transcripts"] for report in reports if report.get("transcripts")]
    if not found:
        return {}
    counts = ("rows", "matched", "orphans", "repeated", "characters", "words")
    examples = [example for one in found for example in one["examples"]][:_SIZES]
    return {
        "transcripts": {
            **{name: sum(one[name] for one in found) for name in counts},
            "first_orphans": [where for one in found for where in one["first_orphans"]][:_SIZES],
            "problems": [one["problem"] for one in found if one["problem"]],
            "examples": [{"recording": name, "text": text} for name, text in examples],
        }
    }


def summary(statistics: Mapping[str, Any]) -> dict[str, object]:
    """The statistics in a list of datasets: all except names of single classes and samples."""
    kept = {name: value for name, value in statistics.items() if name not in _LEFT_OUT_OF_LISTS}
    if "classes" in statistics:
        kept.setdefault("class_count", len(statistics["classes"]))  # datasets from an earlier version lack it
    return kept


def _largest(classes: Counter[str]) -> list[str]:
    return sorted(name for name, _ in classes.most_common(_CLASSES))


def _channels(reports: Sequence[Mapping[str, Any]], total: int) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of the channels over all files' images, each image with the same weight."""
    means, squares = [0.0] * 3, [0.0] * 3
    for report in reports:
        share = report.get("samples", 0) / max(total, 1)
        for channel, (mean, std) in enumerate(
            zip(report.get("mean", ()), report.get("std", ()), strict=True)
        ):
            means[channel] += share * mean
            squares[channel] += share * (std**2 + mean**2)
    deviations = [max(0.0, square - mean**2) ** 0.5 for mean, square in zip(means, squares, strict=True)]
    return means, deviations


def _bad_samples(reports: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    found = []
    for report in reports:
        for sample, reason, *told in report.get("bad_samples", ()):
            # Reports of earlier versions have no code and no parameters.
            code, params = told or (None, {})
            found.append({"sample": sample, "reason": reason, "code": code, "params": params})
    return found
