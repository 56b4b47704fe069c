"""The weights' moving average: its formula, its state, and that evaluating it changes nothing."""

import pytest
import torch

from core.training.ema import ExponentialMovingAverage
from tests.core.training.networks import Network


def moved(model: Network, step: int) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.full_like(parameter, 0.1 * step))


def test_the_average_equals_the_formula() -> None:
    model = Network()
    average = ExponentialMovingAverage(model, decay=0.3)
    expected = model.head.weight.detach().double().clone()
    for step, decay in ((1, 2 / 11), (2, 3 / 12), (3, 0.3), (4, 0.3)):
        moved(model, step)
        average.update(step)
        expected = decay * expected + (1 - decay) * model.head.weight.detach().double()
    torch.testing.assert_close(average.state(model.state_dict())["head.weight"].double(), expected)


def test_weights_are_the_averages_inside_the_block_and_restored_afterwards() -> None:
    model = Network()
    model.register_buffer("counter", torch.tensor(5.0))
    average = ExponentialMovingAverage(model, decay=0.9)
    moved(model, 3)
    average.update(1)
    own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    averaged = {name: tensor.clone() for name, tensor in average.state(model.state_dict()).items()}
    assert averaged.keys() == own.keys()
    assert not torch.equal(own["head.weight"], averaged["head.weight"])
    with average.in_place():
        assert all(torch.equal(tensor, averaged[name]) for name, tensor in model.state_dict().items())
    assert all(torch.equal(tensor, own[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(average.state(model.state_dict())["head.weight"], averaged["head.weight"])
    assert torch.equal(averaged["counter"], own["counter"])


def test_weights_are_restored_after_an_error() -> None:
    model = Network()
    average = ExponentialMovingAverage(model, decay=0.9)
    moved(model, 1)
    own = model.head.weight.detach().clone()
    with pytest.raises(ZeroDivisionError), average.in_place():
        raise ZeroDivisionError
    assert torch.equal(model.head.weight, own)
