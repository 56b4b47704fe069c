"""Every family of networks opens with ONNX Runtime after its export, and computes the same."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import transformers
from transformers import PreTrainedModel

from core.errors import EngineError
from core.export.inputs import inputs_of
from core.export.onnx import MODEL, export_onnx

_SMALL = {"vocab_size": 300, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
_BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
_GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 48}
_T5 = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2, "decoder_start_token_id": 0}

# A new family is one line: its class, and a small configuration.
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("BertForMaskedLM", {**_SMALL, **_BERT, "max_position_embeddings": 48}),
    "gpt2": ("GPT2LMHeadModel", {**_SMALL, **_GPT2}),
    "llama": ("LlamaForCausalLM", {**_SMALL, **_BERT, "max_position_embeddings": 48}),
    "modernbert": (
        "ModernBertForMaskedLM",
        {**_SMALL, **_BERT, "num_hidden_layers": 4, "cls_token_id": 1, "sep_token_id": 2},
    ),
    "t5": ("T5ForConditionalGeneration", {**_SMALL, **_T5}),
    "vit": ("ViTModel", {**_BERT, "image_size": 32, "patch_size": 8, "num_channels": 3}),
}


def _network(family: str) -> PreTrainedModel:
    name, sizes = FAMILIES[family]
    architecture: type[PreTrainedModel] = getattr(transformers, name)
    torch.manual_seed(0)
    assert architecture.config_class is not None
    return architecture(architecture.config_class(**sizes)).eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_computes_the_same_in_onnx_runtime(family: str, tmp_path: Path) -> None:
    model = _network(family)
    checkpoint, out = tmp_path / "step-00000001", tmp_path / "onnx"
    model.save_pretrained(checkpoint)
    out.mkdir()
    done = export_onnx(checkpoint, out)
    assert done.architecture == FAMILIES[family][0]
    assert 0 < done.largest_difference <= 1e-5, "equal to the last bit would mean that nothing was compared"

    # Once more with inputs of this test's own, through the file alone.
    session = onnxruntime.InferenceSession(out / MODEL, providers=["CPUExecutionProvider"])
    assert [item.name for item in session.get_inputs()] == done.inputs
    assert session.get_inputs()[0].shape[0] == "batch"
    generator = torch.Generator().manual_seed(5)
    tensors = {item.name: item.make(model.config, 4, 11, generator) for item in inputs_of(model)}
    with torch.no_grad():
        expected = getattr(model(**tensors), done.outputs[0]).numpy()
    [found] = session.run(done.outputs, {name: tensor.numpy() for name, tensor in tensors.items()})
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert json.loads((out / "config.json").read_text())["architectures"] == [FAMILIES[family][0]]
    assert not (out / "model.safetensors").exists()


def test_an_unsupported_network_is_refused_with_a_message(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["NoSuchNetwork"]}')
    with pytest.raises(EngineError, match="does not open with transformers") as caught:
        export_onnx(tmp_path, tmp_path)
    assert caught.value.code == "export_unsupported"
    assert caught.value.exit_code == 64
