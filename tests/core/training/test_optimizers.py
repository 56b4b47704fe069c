"""Optimisers: which parameters decay, the rates of layers, and restoring their state."""

from collections.abc import Iterator, Mapping

import pytest
import torch
from torch import nn

from core.checkpoints.optimizer_state import load_optimizer_tensors, optimizer_tensors
from core.errors import EngineError
from core.spec.optimizers import Adafactor, AdamW, Muon, Optimizer
from core.training.optimizers import create_optimizers, set_learning_rate
from tests.core.training.networks import Network, Pair

KINDS: list[Optimizer] = [
    AdamW(learning_rate=0.01),
    Muon(learning_rate=0.01, adamw_learning_rate=0.003),
    Adafactor(),
    AdamW(learning_rate=0.01, layer_decay=0.5, decay_embeddings=False, weight_decay=0.1),
]


def step(model: nn.Module, optimizers: Mapping[str, torch.optim.Optimizer], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    model(torch.randint(0, 10, (4, 3), generator=generator)).square().sum().backward()
    for optimizer in optimizers.values():
        optimizer.step()
        optimizer.zero_grad()


def groups(optimizers: Mapping[str, torch.optim.Optimizer]) -> Iterator[tuple[str, dict[str, float]]]:
    for optimizer in optimizers.values():
        for group in optimizer.param_groups:
            for name in group["param_names"]:
                yield name, group


def test_biases_and_norms_are_not_decayed() -> None:
    model = Network()
    optimizers = create_optimizers(AdamW(weight_decay=0.5, learning_rate=0.1), model)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizers["main"].step()
    matrices = {"embedding.weight", "layer.0.0.weight", "layer.1.0.weight", "head.weight"}
    for name, parameter in model.named_parameters():
        shrunk = 0.95 if name in matrices else 1.0
        torch.testing.assert_close(parameter.detach(), before[name] * shrunk)


@pytest.mark.parametrize("kind", [AdamW, Muon, Adafactor])
def test_embeddings_are_not_decayed_if_requested(kind: type[AdamW]) -> None:
    optimizers = create_optimizers(kind(weight_decay=0.5, decay_embeddings=False), Network())
    decay = {name: group["weight_decay"] for name, group in groups(optimizers)}
    assert decay["embedding.weight"] == decay["norm.weight"] == decay["layer.0.0.bias"] == 0.0
    assert decay["layer.0.0.weight"] == decay["head.weight"] == 0.5


@pytest.mark.parametrize("kind", [AdamW, Muon, Adafactor])
def test_learning_rates_decrease_from_the_head_to_the_embeddings(kind: type[AdamW]) -> None:
    optimizers = create_optimizers(kind(layer_decay=0.5, learning_rate=0.1), Network())
    for optimizer in optimizers.values():
        set_learning_rate(optimizer, 0.08)
    rates = {name: group["lr"] for name, group in groups(optimizers)}
    assert rates["head.weight"] == rates["norm.bias"] == pytest.approx(0.08)
    assert rates["layer.1.0.weight"] == rates["layer.1.0.bias"] == pytest.approx(0.04)
    assert rates["layer.0.0.weight"] == pytest.approx(0.02)
    assert rates["embedding.weight"] == pytest.approx(0.01)


def test_muon_takes_the_blocks_matrices_and_adamw_the_rest() -> None:
    optimizers = create_optimizers(Muon(learning_rate=0.02, adamw_learning_rate=0.005), Network())
    assert {name: type(optimizer) for name, optimizer in optimizers.items()} == {
        "main": torch.optim.Muon,
        "main.adamw": torch.optim.AdamW,
    }
    for optimizer in optimizers.values():
        set_learning_rate(optimizer, 0.01)
    rates = {name: group["lr"] for name, group in groups(optimizers)}
    assert set(rates) == {name for name, _ in Network().named_parameters()}
    assert {n for group in optimizers["main"].param_groups for n in group["param_names"]} == {
        "layer.0.0.weight",
        "layer.1.0.weight",
    }
    assert rates["layer.0.0.weight"] == pytest.approx(0.01)
    assert rates["embedding.weight"] == rates["layer.0.0.bias"] == pytest.approx(0.0025)


def test_every_setting_of_a_spec_reaches_its_optimizer() -> None:
    """Each with a value that is no default."""
    adamw: dict[str, float] = {"beta1": 0.7, "beta2": 0.83, "epsilon": 3e-4}
    muon = create_optimizers(Muon(momentum=0.61, weight_decay=0.17, **adamw), Network())
    plain = create_optimizers(AdamW(weight_decay=0.17, **adamw), Network())
    for group in (*plain["main"].param_groups, *muon["main.adamw"].param_groups):
        assert (group["betas"], group["eps"]) == ((0.7, 0.83), 3e-4)
        assert group["weight_decay"] in {0.17, 0.0}
    for group in muon["main"].param_groups:
        assert (group["momentum"], group["weight_decay"]) == (0.61, 0.17)
        assert group["adjust_lr_fn"] == "match_rms_adamw"
    adafactor = create_optimizers(
        Adafactor(beta2_decay=-0.55, clip_threshold=1.9, weight_decay=0.17), Network()
    )
    for group in adafactor["main"].param_groups:
        assert (group["beta2_decay"], group["d"]) == (-0.55, 1.9)
        assert group["weight_decay"] in {0.17, 0.0}


@pytest.mark.parametrize("spec", [Muon(), AdamW(layer_decay=0.9)])
def test_settings_that_need_blocks_are_refused_for_a_network_without_blocks(spec: Optimizer) -> None:
    with pytest.raises(EngineError) as caught:
        create_optimizers(spec, Network(blocks=0))
    assert caught.value.code == "spec_invalid"
    assert spec.kind == "adamw" or "muon" in caught.value.message


def test_the_fused_step_agrees_with_the_plain_one() -> None:
    spec = AdamW(learning_rate=0.01, weight_decay=0.1)
    fused, plain = Network(), Network()
    one, other = create_optimizers(spec, fused), create_optimizers(spec, plain)
    assert all(group["fused"] for group in one["main"].param_groups)
    for group in other["main"].param_groups:
        group["fused"] = False
    for seed in range(3):
        step(fused, one, seed)
        step(plain, other, seed)
    torch.testing.assert_close(fused.state_dict(), plain.state_dict())


@pytest.mark.parametrize("kind", [Network, Pair])
@pytest.mark.parametrize("spec", KINDS, ids=lambda spec: f"{spec.kind}-{spec.layer_decay}")
def test_restoring_the_state_tensors_continues_the_optimisation(spec: Optimizer, kind: type[Network]) -> None:
    straight = kind()
    optimizers = create_optimizers(spec, straight)
    for seed in range(3):
        step(straight, optimizers, seed)
    saved = {
        name: {key: tensor.clone() for key, tensor in optimizer_tensors(optimizer).items()}
        for name, optimizer in optimizers.items()
    }
    resumed = kind()
    resumed.load_state_dict(straight.state_dict())
    others = create_optimizers(spec, resumed)
    assert others.keys() == optimizers.keys()
    for name, optimizer in others.items():
        load_optimizer_tensors(optimizer, saved[name])
    for model, own in ((straight, optimizers), (resumed, others)):
        for optimizer in own.values():
            set_learning_rate(optimizer, 0.003)
        before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        step(model, own, seed=9)
        assert not any(torch.equal(before[name], parameter) for name, parameter in model.named_parameters())
    for one, two in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, two)


def test_a_parameter_without_state_is_named() -> None:
    optimizer = create_optimizers(AdamW(), Network())["main"]
    with pytest.raises(KeyError, match="weight"):
        load_optimizer_tensors(optimizer, {"exp_avg/head.weight": torch.zeros(2, 8)})
