"""The sizing of a job, compared with the real network."""

from typing import Any

import pytest
import torch

from core.data.text import SpecialIds
from core.networks import causal_language, masked_language
from core.networks.bert import bert_config
from core.networks.gpt2 import gpt2_config
from core.networks.llama import llama_config
from core.networks.modernbert import modernbert_config
from core.networks.t5 import create_t5, t5_config
from core.spec.architectures import PRESETS
from core.spec.architectures.t5 import T5Size
from core.spec.architectures.transformer import Transformer, TransformerSize
from core.spec.estimate import estimate
from core.spec.job import JobSpec
from core.spec.problems import validate
from core.spec.tasks import task_specs
from tests.core.spec.network_inputs import network_inputs


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


SPECIAL = SpecialIds(pad=0, unk=1, cls=2, sep=3, mask=4, all=(0, 1, 2, 3, 4))


def _network(architecture: str, size: TransformerSize, vocabulary: int, positions: int) -> Any:
    """The network of `transformers`, on the meta device."""
    from transformers import (  # noqa: PLC0415 - slow to import
        AutoModelForCausalLM,
        AutoModelForMaskedLM,
        AutoModelForSeq2SeqLM,
    )

    common: dict[str, Any] = {"dropout": 0.1, "vocabulary_size": vocabulary}
    placed = common | {"sequence_length": positions}
    with torch.device("meta"):
        if architecture == "bert":
            network = AutoModelForMaskedLM.from_config(bert_config(size, **placed, padding_id=0))
        elif architecture == "modernbert":
            network = AutoModelForMaskedLM.from_config(modernbert_config(size, **placed, special=SPECIAL))
        elif architecture == "gpt2":
            network = AutoModelForCausalLM.from_config(gpt2_config(size, **placed, end_id=3))
        elif architecture == "llama":
            network = AutoModelForCausalLM.from_config(llama_config(size, **placed, end_id=3))
        else:
            network = AutoModelForSeq2SeqLM.from_config(t5_config(size, **common, padding_id=0, end_id=3))
    network.tie_weights()
    return network


TASKS = task_specs()
LANGUAGE = sorted({name for task in TASKS if task.modality == "text" for name in task.presets})


@pytest.mark.parametrize("preset", LANGUAGE)
@pytest.mark.parametrize(("vocabulary", "positions"), [(8192, 128), (300, 8)])
def test_parameters_are_counted_as_transformers_makes_them(
    preset: str, vocabulary: int, positions: int
) -> None:
    size = PRESETS[preset]
    assert isinstance(size, Transformer)
    network = _network(size.architecture, size, vocabulary, positions)
    counted = size.parameters(network_inputs(vocabulary_size=vocabulary, sequence_length=positions))
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
    base, double, triple = (estimate(_spec(batch_size=size)).activation_bytes for size in (32, 64, 96))
    # The scores of the vocabulary are computed in blocks of one size; the activations of the layers grow.
    assert triple - double == double - base
    assert double > 1.8 * base
    assert estimate(_spec(batch_size=64, accumulation_steps=2)).activation_bytes == base
    assert estimate(_spec(precision="bf16")).activation_bytes < base
    assert estimate(_spec(batch_size=16, sequence_length=256)).activation_bytes > base


def test_of_a_batch_that_is_yet_to_be_found_the_smallest_counts() -> None:
    smallest = estimate(_spec(batch_size=4, accumulation_steps=4))
    assert estimate(_spec(batch_size="auto", accumulation_steps=4)) == smallest


TASKS = {
    "bert-mini": "masked_lm",
    "modernbert-mini": "masked_lm",
    "gpt2-tiny": "causal_lm",
    "llama-tiny": "causal_lm",
    "t5-tiny": "text_denoising_autoencoder",
}


@pytest.mark.parametrize("preset", TASKS)
def test_activations_are_near_what_autograd_saves(preset: str) -> None:
    """Bytes of all tensors that autograd keeps for the backward pass of one batch."""
    spec = validate(
        _spec(batch_size=4, sequence_length=64).model_dump()
        | {"task": {"kind": TASKS[preset]}, "model": {"preset": preset, "dropout": 0.1}}
    )
    sizes: dict[str, Any] = {"dropout": 0.1, "vocabulary_size": 2000, "sequence_length": 64, "seed": 0}
    ids = torch.randint(5, 2000, (4, 64))
    network: Any
    if TASKS[preset] == "masked_lm":
        network = masked_language.create_masked_network(
            spec.architecture, spec.size, **sizes, special=SPECIAL
        )
    elif TASKS[preset] == "causal_lm":
        network = causal_language.create_causal_network(spec.architecture, spec.size, **sizes, end_id=3)
    else:
        config = t5_config(spec.size, dropout=0.1, vocabulary_size=2000, padding_id=0, end_id=3)
        network = create_t5(config, 0)
    network.train()
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
        if TASKS[preset] == "masked_lm":
            hidden = masked_language.encode(network, ids)
        elif TASKS[preset] == "causal_lm":
            hidden = causal_language.encode(network, ids)
        else:
            cut, spans = 9, 3
            read = network.encoder(input_ids=ids[:, : 64 - cut + spans]).last_hidden_state
            hidden = network.decoder(
                input_ids=ids[:, : cut + spans + 1], encoder_hidden_states=read, use_cache=False
            ).last_hidden_state
        assert hidden.requires_grad
    estimated = estimate(spec, vocabulary_size=1).activation_bytes
    assert 0.6 < estimated / sum(saved.values()) < 1.5


def test_what_a_task_adds_to_the_network_counts() -> None:
    plain = _spec().model_dump()
    hidden = _spec().size.hidden_size
    features = validate(plain | {"task": {"kind": "masked_lm", "feature_reconstruction": {}}})
    assert estimate(features).parameters - estimate(_spec()).parameters == 4 * hidden**2 + 3 * hidden

    denoising = validate(
        plain | {"task": {"kind": "text_denoising_autoencoder"}, "model": {"preset": "t5-tiny"}}
    )
    assert estimate(denoising).parameters == T5Size.presets()["t5-tiny"].parameters(
        network_inputs(vocabulary_size=8192 + 100, sequence_length=128)
    )


def test_the_heads_scores_are_never_held_all_at_once() -> None:
    plain = _spec().model_dump() | {"task": {"kind": "causal_lm"}, "model": {"preset": "gpt2-tiny"}}
    small, large = (
        estimate(validate(plain), vocabulary_size=size).activation_bytes for size in (8192, 65536)
    )
    assert small == large
