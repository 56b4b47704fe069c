"""Every family of networks, with every head, opens with ONNX Runtime after its export, and computes the same."""

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
from core.export.folder import export_checkpoint
from core.export.inputs import inputs_of
from core.networks.resnet import resnet_config
from tests.core.adaptation.families import RESNET
from tests.core.export.conftest import Make

pytestmark = pytest.mark.usefixtures("own_modules")

CASES: dict[str, str] = {
    "masked_lm": "AutoModelForMaskedLM",
    "masked_lm-modernbert": "AutoModelForMaskedLM",
    "causal_lm-apart": "AutoModelForCausalLM",
    "causal_lm-llama": "AutoModelForCausalLM",
    "text_classification": "AutoModelForSequenceClassification",
    "text_classification-modernbert": "AutoModelForSequenceClassification",
    "text_classification-gpt2": "AutoModelForSequenceClassification",
    "text_classification-llama": "AutoModelForSequenceClassification",
    "text_classification-t5": "AutoModelForSequenceClassification",
    "token_classification": "AutoModelForTokenClassification",
    "token_classification-modernbert": "AutoModelForTokenClassification",
    "token_classification-gpt2": "AutoModelForTokenClassification",
    "token_classification-llama": "AutoModelForTokenClassification",
    "token_classification-t5": "AutoModelForTokenClassification",
    "dino": "AutoModel",
    "joint_embedding_prediction": "AutoModel",
    "contrastive": "AutoModel",
    "image_classification": "AutoModelForImageClassification",
    "image_classification-jepa": "AutoModelForImageClassification",
    "image_classification-resnet": "AutoModelForImageClassification",
    "masked_spectrogram": "AutoModel",
    "wav2vec2": "AutoModel",
    "audio_classification": "AutoModelForAudioClassification",
    "audio_classification-wav2vec2": "AutoModelForAudioClassification",
    "speech_recognition": "AutoModelForCTC",
    "dcgan": "AutoModel",
}
"""Cases of the training tests, and the class of `transformers` that opens their checkpoints."""


def _exported(checkpoint: Path, out: Path) -> onnxruntime.InferenceSession:
    out.mkdir()
    done = export_checkpoint(checkpoint, out).exported
    # Equal to the last bit would mean that nothing was compared.
    assert 0 < done.check.largest_difference <= done.check.tolerance <= 2e-3
    assert done.architecture == json.loads((out / "config.json").read_text())["architectures"][0] or (
        done.architecture == "Wav2Vec2Model"
    )
    assert not list(out.glob("*.safetensors"))
    session = onnxruntime.InferenceSession(out / "model.onnx", providers=["CPUExecutionProvider"])
    assert [item.name for item in session.get_inputs()] == done.inputs
    assert [item.name for item in session.get_outputs()] == done.outputs
    assert session.get_inputs()[0].shape[0] == "batch"
    return session


def _same(session: onnxruntime.InferenceSession, model: PreTrainedModel) -> None:
    """The file computes what the network does, for a batch and a length that the export has not tried."""
    values = inputs_of(model).make(model.config, 5, 11, torch.Generator().manual_seed(5))
    with torch.no_grad():
        expected = model.eval()(**values)
    found = session.run(None, {name: tensor.numpy() for name, tensor in values.items()})
    for item, actual in zip(session.get_outputs(), found, strict=True):
        wanted = expected if item.name == "images" else getattr(expected, item.name)
        np.testing.assert_allclose(actual, wanted.numpy(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_a_checkpoint_computes_the_same_in_onnx_runtime(name: str, make: Make, tmp_path: Path) -> None:
    made = make(name).directory
    session = _exported(made, tmp_path / "onnx")
    auto: Any = getattr(transformers, CASES[name])
    model = auto.from_pretrained(made, trust_remote_code=True)
    if session.get_inputs()[0].name == "input_ids":
        limit = model.config.max_position_embeddings if "t5" not in name else 64
        assert session.get_inputs()[0].shape == ["batch", "sequence"]
        assert limit >= 11
    _same(session, model)


def test_an_encoder_with_a_decoder_becomes_two_files_with_optimums_names(make: Make, tmp_path: Path) -> None:
    made, out = make("text_denoising_autoencoder").directory, tmp_path / "onnx"
    out.mkdir()
    export_checkpoint(made, out)
    encoder, decoder = (
        onnxruntime.InferenceSession(out / f"{name}_model.onnx", providers=["CPUExecutionProvider"])
        for name in ("encoder", "decoder")
    )
    assert [item.name for item in encoder.get_inputs()] == ["input_ids", "attention_mask"]
    assert [item.name for item in decoder.get_inputs()] == [
        "input_ids",
        "encoder_hidden_states",
        "encoder_attention_mask",
    ]
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(made).eval()
    generator = torch.Generator().manual_seed(5)
    read = inputs_of(model).make(model.config, 5, 11, generator)
    written = torch.randint(0, model.config.vocab_size, (5, 4), generator=generator)
    with torch.no_grad():
        expected = model(**read, decoder_input_ids=written).logits.numpy()
    [states] = encoder.run(None, {name: tensor.numpy() for name, tensor in read.items()})
    given = {
        "input_ids": written.numpy(),
        "encoder_hidden_states": states,
        "encoder_attention_mask": read["attention_mask"].numpy(),
    }
    [found] = decoder.run(None, given)
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "adaptation"),
    [
        ("text_classification", {"method": "lora", "rank": 2}),
        ("text_classification", {"method": "adapters"}),
        ("text_classification-t5", {"method": "adapters"}),
        ("token_classification-gpt2", {"method": "adapters"}),
    ],
    ids=["lora", "adapters", "adapters of a network of our own", "adapters behind transposed maps"],
)
def test_what_an_adaptation_added_is_exported(
    name: str, adaptation: dict[str, Any], make: Make, tmp_path: Path
) -> None:
    made = make(name, adaptation=adaptation).directory
    session = _exported(made, tmp_path / "onnx")
    auto: Any = getattr(transformers, CASES[name])
    _same(session, auto.from_pretrained(made, trust_remote_code=True))


def test_a_perceptron_takes_images_of_one_size(make: Make, tmp_path: Path) -> None:
    made = make("image_classification-resnet", model={"preset": "mlp-mini", "widths": [8, 4]}).directory
    session = _exported(made, tmp_path / "onnx")
    assert session.get_inputs()[0].shape[:2] == ["batch", 3]
    model = transformers.AutoModelForImageClassification.from_pretrained(made, trust_remote_code=True)
    _same(session, model)


def test_a_resnet_takes_images_of_any_size(tmp_path: Path) -> None:
    made = tmp_path / "checkpoint"
    torch.manual_seed(0)
    model = transformers.ResNetForImageClassification(resnet_config(RESNET, channels=3, small_images=False))
    model.save_pretrained(made)
    session = _exported(made, tmp_path / "onnx")
    assert session.get_inputs()[0].shape == ["batch", 3, "height", "width"]
    _same(session, model)


def test_an_encoder_stored_without_its_pooler_has_no_output_of_one(tmp_path: Path) -> None:
    made = tmp_path / "checkpoint"
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = transformers.BertModel(transformers.BertConfig(vocab_size=40, **sizes), add_pooling_layer=False)
    model.save_pretrained(made)
    session = _exported(made, tmp_path / "onnx")
    assert [item.name for item in session.get_outputs()] == ["last_hidden_state"]
    _same(session, model)


def test_weights_in_several_files_are_exported_without_their_index(tmp_path: Path) -> None:
    made, out = tmp_path / "checkpoint", tmp_path / "onnx"
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = transformers.BertModel(transformers.BertConfig(vocab_size=40, **sizes))
    model.save_pretrained(made, max_shard_size="4KB")
    assert (made / "model.safetensors.index.json").exists()
    _same(_exported(made, out), model)
    assert {path.name for path in out.iterdir()} == {"model.onnx", "config.json"}


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    made = tmp_path / "checkpoint"
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    transformers.BertModel(transformers.BertConfig(vocab_size=40, **sizes)).save_pretrained(made)
    document = json.loads((made / "config.json").read_text())
    document["architectures"] = ["BertForSequenceClassification"]
    (made / "config.json").write_text(json.dumps(document))
    with pytest.raises(
        EngineError, match=r"2 of its weights are missing, such as classifier\.bias"
    ) as caught:
        export_checkpoint(made, tmp_path)
    assert caught.value.code == "export_unsupported"


@pytest.mark.parametrize(
    "config",
    [
        {"architectures": ["NoSuchNetwork"]},
        {"architectures": ["Network"], "auto_map": {"AutoModel": "os.Network"}},
        {"architectures": []},
        {},
    ],
)
def test_an_unsupported_network_is_refused_with_a_message(config: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(EngineError, match="does not open with transformers") as caught:
        export_checkpoint(tmp_path, tmp_path)
    assert caught.value.code == "export_unsupported"
    assert caught.value.exit_code == 64
