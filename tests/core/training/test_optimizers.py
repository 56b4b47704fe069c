"""AdamW: whom it decays, and that it continues where it was."""

import pytest
import torch
from torch import nn

from core.spec import AdamW
from core.training.optimizers import (
    create_optimizer,
    load_optimizer_tensors,
    optimizer_tensors,
    set_learning_rate,
)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Embedding(10, 8), nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 2))


def step(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    model(torch.randint(0, 10, (4, 3), generator=generator)).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad()


def test_biases_and_norms_are_not_decayed() -> None:
    model = network()
    optimizer = create_optimizer(AdamW(weight_decay=0.5, learning_rate=0.1), model.named_parameters())
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        shrunk = 0.95 if name in {"0.weight", "1.weight", "3.weight"} else 1.0
        torch.testing.assert_close(parameter.detach(), before[name] * shrunk)


def test_the_fused_step_agrees_with_the_plain_one() -> None:
    spec = AdamW(learning_rate=0.01, weight_decay=0.1)
    fused, plain = network(), network()
    one = create_optimizer(spec, fused.named_parameters())
    assert all(group["fused"] for group in one.param_groups)
    other = create_optimizer(spec, plain.named_parameters())
    for group in other.param_groups:
        group["fused"] = False
    for seed in range(3):
        step(fused, one, seed)
        step(plain, other, seed)
    torch.testing.assert_close(fused.state_dict(), plain.state_dict())


def test_continuing_from_the_tensors_is_continuing() -> None:
    spec = AdamW(learning_rate=0.01)
    straight = network()
    optimizer = create_optimizer(spec, straight.named_parameters())
    for seed in range(3):
        step(straight, optimizer, seed)
    tensors = {name: tensor.clone() for name, tensor in optimizer_tensors(optimizer).items()}
    assert {"exp_avg/0.weight", "exp_avg_sq/3.bias", "step/2.weight"} < set(tensors)
    resumed = network()
    resumed.load_state_dict(straight.state_dict())
    other = create_optimizer(spec, resumed.named_parameters())
    load_optimizer_tensors(other, tensors)
    for model, own in ((straight, optimizer), (resumed, other)):
        set_learning_rate(own, 0.003)
        step(model, own, seed=9)
    for one, two in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, two)


def test_a_parameter_without_state_is_named() -> None:
    model = network()
    optimizer = create_optimizer(AdamW(), model.named_parameters())
    with pytest.raises(KeyError, match="weight"):
        load_optimizer_tensors(optimizer, {"exp_avg/1.weight": torch.zeros(8, 8)})
