"""What a job is said to weigh, against what the network really is."""

from typing import Any

import pytest
import torch

from core.models.bert import bert_config
from core.models.gpt2 import gpt2_config
from core.spec import PRESETS, JobSpec, TransformerSize, validate
from core.spec.estimate import estimate
from core.spec.parameters import count_parameters


def _spec(**training: Any) -> JobSpec:
    return validate(
        {
            "name": "x",
            "task": {"kind": "masked_lm"},
            "model": {"preset": "bert-mini"},
            "training": {"steps": 1, "batch_size": 32, "sequence_length": 128} | training,
            "resources": {"device": "cpu"},
        }
    )


def _network(architecture: str, size: TransformerSize, vocabulary: int, positions: int) -> Any:
    """What `transformers` makes of it, without memory."""
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM  # noqa: PLC0415 - slow to import

    sizes = {"dropout": 0.1, "vocabulary_size": vocabulary, "sequence_length": positions}
    with torch.device("meta"):
        if architecture == "bert":
            network = AutoModelForMaskedLM.from_config(bert_config(size, **sizes, padding_id=0))
        else:
            network = AutoModelForCausalLM.from_config(gpt2_config(size, **sizes, end_id=0))
    network.tie_weights()
    return network


LANGUAGE = [name for name, (architecture, _) in PRESETS.items() if architecture in {"bert", "gpt2"}]


@pytest.mark.parametrize("preset", LANGUAGE)
@pytest.mark.parametrize(("vocabulary", "positions"), [(8192, 128), (300, 8)])
def test_parameters_are_counted_as_transformers_makes_them(
    preset: str, vocabulary: int, positions: int
) -> None:
    architecture, size = PRESETS[preset]
    assert isinstance(size, TransformerSize)
    network = _network(architecture, size, vocabulary, positions)
    counted = count_parameters(architecture, size, vocabulary_size=vocabulary, positions=positions)
    assert counted == sum(parameter.numel() for parameter in network.parameters())


def test_an_uploaded_tokenizers_vocabulary_counts() -> None:
    hidden = _spec().size.hidden_size
    small, large = estimate(_spec(), vocabulary_size=1000), estimate(_spec(), vocabulary_size=1001)
    assert large.parameters - small.parameters == hidden + 1


def test_weights_take_sixteen_bytes_a_parameter() -> None:
    found = estimate(_spec())
    assert found.weights_bytes == 16 * found.parameters
    assert found.memory_bytes == found.weights_bytes + found.activation_bytes


def test_activations_grow_with_what_is_on_the_device_at_once() -> None:
    base = estimate(_spec()).activation_bytes
    assert estimate(_spec(batch_size=64)).activation_bytes == pytest.approx(2 * base, rel=1e-3)
    assert estimate(_spec(batch_size=64, accumulation_steps=2)).activation_bytes == base
    assert estimate(_spec(precision="bf16")).activation_bytes < base
    assert estimate(_spec(batch_size=16, sequence_length=256)).activation_bytes > base


def test_activations_are_near_what_autograd_saves() -> None:
    """Bytes of all tensors that autograd keeps for the backward pass of one batch."""
    from transformers.models.bert.modeling_bert import BertForMaskedLM  # noqa: PLC0415 - slow to import

    spec = _spec(batch_size=4, sequence_length=64)
    config = bert_config(spec.size, dropout=0.1, vocabulary_size=2000, sequence_length=64, padding_id=0)
    network = BertForMaskedLM(config).train()
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    saved: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            saved[storage.data_ptr()] = storage.nbytes()
        kept.append(tensor)
        return tensor

    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        hidden = network.bert(torch.randint(5, 2000, (4, 64))).last_hidden_state
        assert hidden.requires_grad
    estimated = estimate(spec, vocabulary_size=1).activation_bytes
    assert 0.6 < estimated / sum(saved.values()) < 1.5
