"""What a run measures, and which way is better."""

from collections.abc import Mapping
from typing import Literal

Direction = Literal["lower", "higher"]

LANGUAGE: Mapping[str, Direction] = {"loss": "lower", "perplexity": "lower", "bits_per_byte": "lower"}
"""Evaluations of a task that predicts tokens."""

REPRESENTATION: Mapping[str, Direction] = {
    "health/rankme": "higher",
    "health/std": "higher",
    "health/uniformity": "lower",
    "health/alignment": "lower",
    "probe/linear_accuracy": "higher",
    "probe/knn_accuracy": "higher",
}
"""What is measured of features, where a task learns any."""


def higher_is_better(metric: str) -> bool:
    """Whether a larger value of the metric is a better model's; without an exception for it, all but accuracies fall."""
    room, _, name = metric.partition("/")
    known: Direction | None = REPRESENTATION.get(metric)
    if room == "eval" and name.removeprefix("ema_") == "codebook_perplexity":
        known = "higher"  # how many of the code words are in use
    return known == "higher" if known else "accuracy" in name
