"""Adaptations of every family of networks: what is added and trained, and what a checkpoint with it opens as."""

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from peft import PeftModel
from torch import Tensor
from transformers import PreTrainedModel

from core.adaptation.adapt import adapt
from core.adaptation.base import Adapted
from core.checkpoints.bundle import ADAPTER, BASE, Bundle, Network
from core.spec.adaptation import Adapters, Frozen, Full, Gradual, Ia3, Lora
from core.spec.adaptation_size import adapted_weights
from core.spec.architectures.resnet import ResNetSize
from tests.core.adaptation.families import FAMILIES, Family

LAYERED: dict[str, Lora | Ia3] = {
    "lora": Lora(rank=3),
    "lora of a part": Lora(rank=2, alpha=4, targets=("blocks.1.*",)),
    "dora": Lora(rank=3, dora=True),
    "rslora": Lora(rank=3, rslora=True),
    "ia3": Ia3(),
}
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
"""Of merged weights in fp32, which are rounded once more than unmerged ones."""


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    return FAMILIES[request.param]


def _logits(network: Any, family: Family) -> Tensor:
    with torch.no_grad():
        found: Tensor = network.eval()(**family.inputs()).logits
    return found


def _adapted(family: Family, adaptation: Any, seed: int = 0) -> tuple[PreTrainedModel, Adapted]:
    network = family.make()
    return network, adapt(network, family.encoder(network), adaptation, family.size, seed=seed)


def _step(network: Any, family: Family, rate: float = 0.3) -> None:
    """One step of gradient descent, so that nothing is as it was initialised."""
    network.train()
    torch.manual_seed(0)
    network(**family.inputs()).logits.square().sum().backward()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter.sub_(rate * parameter.grad / (1e-6 + parameter.grad.norm()))
    network.zero_grad()


def _stored(family: Family, network: PreTrainedModel, adapted: Adapted) -> Bundle:
    return Bundle([adapted.stored(Network("", network, published_names=family.published_names))])


@pytest.mark.parametrize("method", LAYERED)
def test_merged_and_unmerged_layers_give_equal_logits(family: Family, method: str, tmp_path: Path) -> None:
    network, adapted = _adapted(family, LAYERED[method])
    before = _logits(network, family)
    _step(network, family)
    trained = _logits(network, family)
    assert not torch.allclose(before, trained, atol=1e-3)
    _stored(family, network, adapted).write(tmp_path, network.state_dict())

    merged = family.kind.from_pretrained(tmp_path)
    torch.testing.assert_close(_logits(merged, family), trained, **TOLERANCE)

    base = family.kind.from_pretrained(tmp_path / BASE)
    added = ("lora_", "ia3_")
    heads = {n for n, p in network.named_parameters() if p.requires_grad and not any(a in n for a in added)}
    assert heads
    with torch.no_grad():
        # The head comes from the adapter.
        for name, parameter in base.named_parameters():
            if name in heads:
                parameter.zero_()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        opened = PeftModel.from_pretrained(base, str(tmp_path / ADAPTER))
    # peft itself uses a name that transformers renames; of weights without a counterpart it warns with UserWarning.
    assert [str(one.message) for one in said if "is_gradient_checkpointing" not in str(one.message)] == []
    torch.testing.assert_close(_logits(opened, family), trained, rtol=0, atol=0)
    torch.testing.assert_close(_logits(opened.merge_and_unload(), family), trained, **TOLERANCE)


@pytest.mark.parametrize("method", [*LAYERED, "adapters", "frozen"])
def test_a_state_comes_back_from_a_checkpoint_to_the_same_bits(
    family: Family, method: str, tmp_path: Path
) -> None:
    adaptation: Any = {"adapters": Adapters(placement="houlsby"), "frozen": Frozen(), **LAYERED}[method]
    if method == "adapters" and isinstance(family.size, ResNetSize):
        pytest.skip("a ResNet has no feed-forward layers")
    network, adapted = _adapted(family, adaptation)
    _step(network, family)
    state = copy.deepcopy(network.state_dict())
    _stored(family, network, adapted).write(tmp_path, network.state_dict())
    again, adapted_again = _adapted(family, adaptation, seed=1)
    _stored(family, again, adapted_again).read(tmp_path, again)
    assert network.state_dict().keys() == again.state_dict().keys()
    for name, tensor in again.state_dict().items():
        assert torch.equal(tensor, state[name]), name
        assert torch.equal(network.state_dict()[name], state[name]), name


@pytest.mark.parametrize(
    "adaptation",
    [
        Full(),
        Frozen(),
        Lora(rank=3),
        Lora(rank=2, dora=True, targets=("blocks.1.*",)),
        Ia3(),
        Adapters(),
        Adapters(placement="houlsby", size=5),
        Gradual.model_validate({"unfreeze": [{"step": 0, "blocks": 0}]}),
        Gradual.model_validate({"unfreeze": [{"step": 0, "blocks": 1}]}),
        Gradual.model_validate({"unfreeze": [{"step": 0, "blocks": 0}, {"step": 5, "blocks": 2}]}),
    ],
    ids=repr,
)
def test_weights_are_counted_exactly(family: Family, adaptation: Any) -> None:
    if isinstance(adaptation, Adapters) and isinstance(family.size, ResNetSize):
        pytest.skip("a ResNet has no feed-forward layers")
    network = family.make()
    encoder = family.encoder(network)
    whole = sum(p.numel() for p in network.parameters() if p.requires_grad)
    pooler = getattr(encoder.body, "pooler", None)
    in_head = 0 if pooler is None else sum(p.numel() for p in pooler.parameters())
    head = whole - sum(p.numel() for p in encoder.body.parameters() if p.requires_grad) + in_head
    adapted = adapt(network, encoder, adaptation, family.size, seed=0)
    trainable = sum(p.numel() for p in network.parameters() if p.requires_grad)
    told = adapted_weights(adaptation, family.size, parameters=whole, head=head)
    assert told.trainable == trainable
    assert told.all == trainable + sum(p.numel() for p in adapted.frozen)


@pytest.mark.parametrize("adaptation", [Frozen(), Lora(), Ia3(), Adapters()], ids=repr)
def test_only_the_head_and_what_is_added_change(family: Family, adaptation: Any) -> None:
    if isinstance(adaptation, Adapters) and isinstance(family.size, ResNetSize):
        pytest.skip("a ResNet has no feed-forward layers")
    network, adapted = _adapted(family, adaptation)
    frozen = {id(parameter) for parameter in adapted.frozen}
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    network.train()
    adapted.hold()
    network(**family.inputs()).logits.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert (parameter.grad is None) == (not parameter.requires_grad), name
        if id(parameter) in frozen:
            assert torch.equal(parameter, before[name])
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, buffers[name]), name


@pytest.mark.usefixtures("own_modules")
def test_adapters_open_in_transformers_with_their_source(family: Family, tmp_path: Path) -> None:
    if isinstance(family.size, ResNetSize):
        pytest.skip("a ResNet has no feed-forward layers")
    network, adapted = _adapted(family, Adapters(size=4))
    _step(network, family)
    _stored(family, network, adapted).write(tmp_path, network.state_dict())
    auto = next(name for name in network.config.auto_map if name.startswith("AutoModel"))
    opened = getattr(transformers, auto).from_pretrained(tmp_path, trust_remote_code=True)
    assert type(opened).__name__ == f"{family.kind.__name__}WithAdapters"
    torch.testing.assert_close(_logits(opened, family), _logits(network, family), rtol=0, atol=0)
    with pytest.raises(ValueError, match="trust_remote_code"):
        getattr(transformers, auto).from_pretrained(tmp_path, trust_remote_code=False)
