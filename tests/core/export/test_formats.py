"""The formats besides ONNX: int8 with what it costs, programs of torch.export, GGUF."""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import onnxruntime
import pytest
import torch
import transformers
from tokenizers import Tokenizer

from core.commands.export import Options, export
from core.errors import EngineError
from core.events import Events
from core.export.folder import export_checkpoint
from core.export.gguf_file import interleaved
from core.export.inputs import inputs_of
from tests.core.export.conftest import Made, Make

pytestmark = [
    # torch's own graph utilities.
    pytest.mark.filterwarnings("ignore::FutureWarning:torch"),
    pytest.mark.usefixtures("own_modules"),
]


@pytest.mark.parametrize(
    ("name", "auto"),
    [
        ("masked_lm-modernbert", "AutoModelForMaskedLM"),
        ("causal_lm-llama", "AutoModelForCausalLM"),
        ("token_classification-gpt2", "AutoModelForTokenClassification"),
        ("text_classification-t5", "AutoModelForSequenceClassification"),
        ("image_classification-resnet", "AutoModelForImageClassification"),
        ("audio_classification", "AutoModelForAudioClassification"),
        ("speech_recognition", "AutoModelForCTC"),
    ],
)
def test_a_program_of_torch_export_computes_the_same_for_other_sizes(
    name: str, auto: str, make: Make, tmp_path: Path
) -> None:
    made, out = make(name).directory, tmp_path / "program"
    out.mkdir()
    done = export_checkpoint(made, out, "torch_export").exported
    assert done.check.largest_difference <= 1e-4
    model: Any = getattr(transformers, auto).from_pretrained(made, trust_remote_code=True).eval()
    program = torch.export.load(out / "model.pt2").module()
    for batch, length in ((1, 5), (4, 11)):
        values = inputs_of(model).make(model.config, batch, length, torch.Generator().manual_seed(5))
        with torch.no_grad():
            [found] = program(*values.values())
            torch.testing.assert_close(found, model(**values).logits, atol=1e-4, rtol=1e-4)


def test_an_encoder_with_a_decoder_becomes_two_programs(make: Make, tmp_path: Path) -> None:
    made, out = make("text_denoising_autoencoder").directory, tmp_path / "program"
    out.mkdir()
    export_checkpoint(made, out, "torch_export")
    encoder, decoder = (
        torch.export.load(out / f"{name}_model.pt2").module() for name in ("encoder", "decoder")
    )
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(made).eval()
    read = inputs_of(model).make(model.config, 3, 9, torch.Generator().manual_seed(5))
    written = torch.tensor([[0, 5], [0, 6], [0, 7]])
    with torch.no_grad():
        [states] = encoder(*read.values())
        [found] = decoder(written, states, read["attention_mask"])
        expected = model(**read, decoder_input_ids=written).logits
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def _run(made: Made, out: Path, file_format: str, *, data: bool) -> dict[str, Any]:
    events: list[dict[str, Any]] = []
    paths = (made.data,) if data else ()
    options = Options(checkpoint=made.directory, format=file_format, out=out, data=paths)
    code = export(options, Events(lambda record: events.append(dict(record))))
    assert code == 0, events[-1]
    return next(event for event in events if event["event"] == "exported")


@pytest.mark.parametrize(
    ("name", "measures"),
    [
        ("masked_lm", {"loss", "accuracy"}),
        ("text_classification", {"accuracy"}),
        ("token_classification-t5", {"loss"}),
        ("image_classification", {"accuracy"}),
        ("audio_classification", {"accuracy"}),
        ("speech_recognition", {"loss"}),
    ],
)
def test_int8_tells_what_it_costs_on_the_held_out_split(
    name: str, measures: set[str], make: Make, tmp_path: Path
) -> None:
    made, out = make(name), tmp_path / "int8"
    found = _run(made, out, "onnx_int8", data=True)
    session = onnxruntime.InferenceSession(out / "model_quantized.onnx", providers=["CPUExecutionProvider"])
    assert [item.name for item in session.get_inputs()] == found["inputs"]
    assert found["check"]["tolerance"] is None
    assert 0 < found["check"]["largest_difference"] < 1
    costs = {cost["name"]: cost for cost in found["costs"]}
    assert measures <= set(costs)
    assert all(np.isfinite([cost["original"], cost["exported"]]).all() for cost in costs.values())
    if "loss" in costs:
        loss = costs["loss"]
        assert loss["original"] != loss["exported"], "the same network was measured twice"
        assert loss["exported"] == pytest.approx(loss["original"], rel=0.2)


def test_int8_without_data_has_no_costs_and_smaller_weights(make: Make, tmp_path: Path) -> None:
    made = make("text_denoising_autoencoder")
    found = _run(made, tmp_path / "int8", "onnx_int8", data=False)
    assert found["costs"] == []
    assert found["opset"] == 18
    _run(made, tmp_path / "whole", "onnx", data=False)
    for name in ("encoder_model", "decoder_model"):
        small, whole = tmp_path / "int8" / f"{name}_quantized.onnx", tmp_path / "whole" / f"{name}.onnx"
        assert small.stat().st_size < whole.stat().st_size


def test_int8_of_convolutions_is_refused(make: Make, tmp_path: Path) -> None:
    made = make("contrastive").directory
    with pytest.raises(EngineError, match="nothing to quantise") as caught:
        export_checkpoint(made, tmp_path, "onnx_int8")
    assert caught.value.code == "export_unsupported"


def test_gguf_has_the_tensors_the_sizes_and_the_tokenizer(make: Make, tmp_path: Path) -> None:
    made, out = make("causal_lm-llama", blocks=2).directory, tmp_path / "gguf"
    out.mkdir()
    done = export_checkpoint(made, out, "gguf").exported
    assert done.check.largest_difference <= 1e-4
    model = transformers.LlamaForCausalLM.from_pretrained(made)
    config, state = model.config, model.state_dict()
    reader = gguf.GGUFReader(out / "model.gguf")
    tensors = {tensor.name: np.asarray(tensor.data) for tensor in reader.tensors}
    # The head shares the embedding's matrix, which llama.cpp then uses for both.
    assert len(tensors) == len(state) - 1
    np.testing.assert_array_equal(tensors["token_embd.weight"], state["model.embed_tokens.weight"])
    np.testing.assert_array_equal(tensors["output_norm.weight"], state["model.norm.weight"])
    for block in range(config.num_hidden_layers):
        for theirs, ours in (("attn_v", "self_attn.v_proj"), ("ffn_gate", "mlp.gate_proj")):
            found, name = tensors[f"blk.{block}.{theirs}.weight"], f"model.layers.{block}.{ours}.weight"
            np.testing.assert_array_equal(found, state[name])
        query = state[f"model.layers.{block}.self_attn.q_proj.weight"].numpy()
        width = len(query) // config.num_attention_heads
        order = [h * width + half * width // 2 + i for h in range(config.num_attention_heads)
                 for i in range(width // 2) for half in (0, 1)]  # fmt: skip
        np.testing.assert_array_equal(tensors[f"blk.{block}.attn_q.weight"], query[order])

    def field(name: str) -> Any:
        return reader.get_field(name).contents()  # type: ignore[union-attr]

    assert field("general.architecture") == "llama"
    assert field("llama.block_count") == config.num_hidden_layers
    assert field("llama.attention.head_count") == config.num_attention_heads
    assert field("llama.context_length") == config.max_position_embeddings
    assert field("llama.rope.freq_base") == pytest.approx(config.rope_parameters["rope_theta"])
    assert field("tokenizer.ggml.model") == "gpt2"
    assert field("tokenizer.ggml.pre") == "gpt-2"
    tokenizer = Tokenizer.from_file(str(made / "tokenizer.json"))
    tokens = field("tokenizer.ggml.tokens")
    assert tokens[: tokenizer.get_vocab_size()] == [
        tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size())
    ]
    assert len(tokens) == len(field("tokenizer.ggml.token_type")) == config.vocab_size
    assert field("tokenizer.ggml.eos_token_id") == config.eos_token_id
    assert field("tokenizer.ggml.add_bos_token") is False


def test_gguf_opens_with_its_tokenizer_in_another_library(make: Make, tmp_path: Path) -> None:
    made, out = make("causal_lm-llama").directory, tmp_path / "gguf"
    out.mkdir()
    export_checkpoint(made, out, "gguf")
    text = "The statement, and 12 more of them."
    expected = transformers.AutoTokenizer.from_pretrained(made)(text).input_ids
    (out / "tokenizer.json").unlink()
    (out / "tokenizer_config.json").unlink()
    found = transformers.AutoTokenizer.from_pretrained(out, gguf_file="model.gguf")(text).input_ids
    # It takes every Llama's tokenizer for one that adds the first token.
    assert found[-len(expected) :] == expected


def test_rows_of_heads_are_interleaved() -> None:
    rows = np.arange(8)[:, None]
    assert interleaved(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


@pytest.mark.parametrize(
    ("tokenizer", "why"),
    [
        ({"kind": "unigram", "vocabulary_size": 300}, "of the kind Unigram"),
        ({"kind": "byte"}, "does not split texts as GPT-2's does"),
        ({"kind": "bpe", "vocabulary_size": 300, "normalization": "nfkc"}, "normalizer"),
    ],
    ids=["unigram", "bytes", "normalised"],
)
def test_a_tokenizer_that_llama_cpp_has_not_is_refused(
    tokenizer: dict[str, Any], why: str, make: Make, tmp_path: Path
) -> None:
    made = make("causal_lm-llama", data={"tokenizer": tokenizer}).directory
    with pytest.raises(
        EngineError, match=f"llama.cpp has no tokenizer that gives the same tokens: .*{why}"
    ) as caught:
        export_checkpoint(made, tmp_path, "gguf")
    assert caught.value.code == "export_unsupported"


def test_a_token_with_an_id_that_the_network_has_not_is_refused(make: Make, tmp_path: Path) -> None:
    made = make("causal_lm-llama").directory
    document = json.loads((made / "tokenizer.json").read_text())
    vocabulary = document["model"]["vocab"]
    vocabulary[max(vocabulary, key=vocabulary.get)] = 5000
    document["added_tokens"] = [one for one in document["added_tokens"] if one["id"] in vocabulary.values()]
    (made / "tokenizer.json").write_text(json.dumps(document))
    with pytest.raises(EngineError, match="ids of its tokenizer's tokens are below 5,001") as caught:
        export_checkpoint(made, tmp_path, "gguf")
    assert caught.value.code == "export_unsupported"


def test_a_network_that_llama_cpp_has_not_is_refused(make: Make, tmp_path: Path) -> None:
    made = make("causal_lm-llama").directory
    document = json.loads((made / "config.json").read_text())
    (made / "config.json").write_text(json.dumps(document | {"hidden_act": "gelu"}))
    with pytest.raises(EngineError, match="activation silu, not gelu"):
        export_checkpoint(made, tmp_path, "gguf")
    with pytest.raises(EngineError, match="GGUF is for language models of the architecture llama"):
        export_checkpoint(_other(tmp_path), tmp_path, "gguf")


def _other(folder: Path) -> Path:
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "vocab_size": 40}
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes))
    model.save_pretrained(folder / "gpt2")
    return folder / "gpt2"
