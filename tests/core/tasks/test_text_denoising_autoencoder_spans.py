"""Span corruption, compared with its definition one token at a time."""

from typing import Any

import numpy as np
import pytest

from core.tasks.text_denoising_autoencoder.span_corruption import corrupt, noise_mask
from core.tasks.text_denoising_autoencoder.spec import TextDenoisingAutoencoder

END = 1
SENTINELS = np.arange(900, 1000)


def slowly(row: Any, cut: Any) -> tuple[list[int], list[int]]:
    inputs: list[int] = []
    targets: list[int] = []
    span = -1
    for position, token in enumerate(row):
        if not cut[position]:
            inputs.append(int(token))
            continue
        if position == 0 or not cut[position - 1]:
            span += 1
            inputs.append(int(SENTINELS[span]))
            targets.append(int(SENTINELS[span]))
        targets.append(int(token))
    return [*inputs, END], [*targets, END]


@pytest.mark.parametrize("length", [2, 3, 7, 128, 511])
@pytest.mark.parametrize("task", [TextDenoisingAutoencoder(), TextDenoisingAutoencoder(corruption_rate=0.9)])
def test_rows_are_corrupted_as_defined(length: int, task: TextDenoisingAutoencoder) -> None:
    samples = np.arange(40)
    rows = np.random.default_rng(0).integers(10, 800, (40, length))
    cut = noise_mask(samples, length, 5, task)
    tokens, spans = task.noise(length)
    assert (cut.sum(axis=1) == tokens).all()
    assert (np.diff(np.pad(cut, ((0, 0), (1, 0))).astype(int), axis=1).clip(0).sum(axis=1) == spans).all()
    inputs, targets = corrupt(rows, cut, SENTINELS, END)
    for row, mask, one, other in zip(rows, cut, inputs, targets, strict=True):
        assert (one.tolist(), other.tolist()) == slowly(row, mask)


def test_the_published_setting_cuts_fifteen_percent_in_spans_of_three() -> None:
    assert TextDenoisingAutoencoder().noise(512) == (77, 26)
    assert TextDenoisingAutoencoder().sentinels(512) == 100
    assert TextDenoisingAutoencoder(mean_span_length=1.0).sentinels(2049) == 307


def test_all_positions_except_the_ends_are_cut_equally_often() -> None:
    cut = noise_mask(np.arange(20000), 32, 5, TextDenoisingAutoencoder())
    share = cut.mean(axis=0)
    assert (share[0], share[-1]) == (0, 1), "a row begins with what stays and ends with what is cut"
    assert np.ptp(share[5:20]) < 0.02
    assert share.mean() == pytest.approx(5 / 32)


def test_spans_are_a_function_of_the_key_and_the_sample_alone() -> None:
    task = TextDenoisingAutoencoder()
    samples = np.array([3, 1, 4, 15, 9])
    whole = noise_mask(samples, 64, 11, task)
    assert (noise_mask(samples[[4, 0]], 64, 11, task) == whole[[4, 0]]).all()
    assert (noise_mask(samples, 64, 12, task) != whole).any()
