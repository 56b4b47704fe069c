"""Colour classes against plain loops."""

import math

import pytest
import torch

from core.tasks.colorization.lab import rgb_to_lab
from core.tasks.colorization.palette import (
    annealed_mean,
    class_frequencies,
    palette,
    rebalanced_cross_entropy,
    rebalancing,
    soft_classes,
)


def colours(count: int) -> torch.Tensor:
    rgb = torch.rand(1, 3, 1, count, generator=torch.Generator().manual_seed(count))
    return rgb_to_lab(rgb)[0, 1:, 0].T


def test_every_colour_falls_into_a_cell_of_the_palette() -> None:
    cells = {tuple(cell) for cell in palette().long().tolist()}
    assert len(cells) == len(palette()) == 261
    fallen = {tuple(cell) for cell in (torch.round(colours(100_000) / 10) * 10).long().tolist()}
    assert fallen <= cells
    assert len(fallen) > 240, "and all but the outermost are met inside the cube too"


def test_soft_classes_are_the_five_nearest() -> None:
    ab, centres = colours(30), palette()
    classes, shares = soft_classes(ab, centres)
    for row, colour in enumerate(ab):
        distances = [math.dist(colour.tolist(), centre.tolist()) for centre in centres]
        nearest = sorted(range(len(distances)), key=distances.__getitem__)[:5]
        assert {distances[c] for c in classes[row].tolist()} == {distances[c] for c in nearest}
        raised = [math.exp(-(distances[c] ** 2) / 50) for c in classes[row].tolist()]
        expected = [value / sum(raised) for value in raised]
        assert shares[row].tolist() == pytest.approx(expected, rel=1e-2, abs=1e-4)


def test_rare_colours_weigh_more_and_a_pixel_one_on_average() -> None:
    centres = palette()
    frequencies = class_frequencies(colours(5000) * 0.3, centres)
    assert frequencies.sum().item() == pytest.approx(1)
    weights = rebalancing(frequencies, centres, uniform_share=0.5)
    assert weights[frequencies.argmax()] < 1 < weights[frequencies.argmin()]

    smooth = [0.0] * len(centres)
    for source in range(len(centres)):
        raised = [math.exp(-(math.dist(centres[source], other) ** 2) / 50) for other in centres]
        for target, value in enumerate(raised):
            smooth[target] += frequencies[source].item() * value / sum(raised)
    plain = [1 / (0.5 * p + 0.5 / len(centres)) for p in smooth]
    mean = sum(p * w for p, w in zip(smooth, plain, strict=True))
    assert weights.tolist() == pytest.approx([w / mean for w in plain], rel=1e-4)


def test_all_weights_are_one_where_the_share_is_uniform() -> None:
    weights = rebalancing(class_frequencies(colours(100), palette()), palette(), uniform_share=1.0)
    torch.testing.assert_close(weights, torch.ones_like(weights))


def test_the_loss_is_the_papers_pixel_by_pixel() -> None:
    centres = palette()
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(1, len(centres), 3, 2, generator=generator, requires_grad=True)
    ab = colours(6).T.reshape(1, 2, 3, 2)
    weights = torch.rand(len(centres), generator=generator)
    fast = rebalanced_cross_entropy(scores, ab, centres, weights)
    slow = torch.zeros(())
    for h in range(3):
        for w in range(2):
            classes, shares = soft_classes(ab[:, :, h, w], centres)
            target = torch.zeros(len(centres)).index_put((classes[0],), shares[0])
            predicted = torch.exp(scores[0, :, h, w]) / torch.exp(scores[0, :, h, w]).sum()
            slow = slow - weights[target.argmax()] * (target * torch.log(predicted)).sum()
    torch.testing.assert_close(fast, slow)
    (a,), (b,) = torch.autograd.grad(fast, scores), torch.autograd.grad(slow, scores)
    torch.testing.assert_close(a, b)


def test_the_annealed_mean_lies_between_mean_and_mode() -> None:
    centres = palette()
    scores = torch.full((1, len(centres), 1, 1), -100.0)
    scores[0, 3], scores[0, 200] = 1.0, 0.0
    share = 1 / (1 + math.exp(-1 / 0.38))
    expected = share * centres[3] + (1 - share) * centres[200]
    torch.testing.assert_close(annealed_mean(scores, centres, 0.38)[0, :, 0, 0], expected)
    torch.testing.assert_close(annealed_mean(scores, centres, 1e-3)[0, :, 0, 0], centres[3])


def test_autocast_changes_no_class_and_no_colour() -> None:
    centres = palette()
    ab = torch.rand(2000, 2, generator=torch.Generator().manual_seed(0)) * 160 - 80
    scores = torch.randn(1, len(centres), 4, 4, generator=torch.Generator().manual_seed(1))
    classes, shares = soft_classes(ab, centres)
    with torch.autocast("cpu", torch.bfloat16):
        again, shares_again = soft_classes(ab, centres)
        colours = annealed_mean(scores, centres, 0.38)
    assert torch.equal(classes, again)
    assert torch.equal(shares, shares_again)
    assert torch.equal(colours, annealed_mean(scores, centres, 0.38))
