"""Writes a Llama as one GGUF file for llama.cpp, by the writer of the package ``gguf``.

Names and layout are those of llama.cpp's ``convert_hf_to_gguf.py``: its rotary positions turn neighbouring numbers of a
query or key, those of `transformers` the two halves of a head, so that the rows of these maps are in another order.
"""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor
from transformers import LlamaForCausalLM, PreTrainedModel

from core.export.comparison import compare
from core.export.exported import Exported
from core.export.gguf_tokenizer import gguf_tokenizer
from core.export.inputs import sizes
from core.export.network import unsupported
from core.export.parts import parts_of
from core.spec.exports import FORMATS


def export_gguf(model: PreTrainedModel, checkpoint: Path, out: Path) -> Exported:
    """Write ``model.gguf`` into ``out``, in fp32, with the tokenizer of the checkpoint.

    Then `transformers` reads the file, and its outputs must equal the network's.

    Raises:
        EngineError: ``export_unsupported`` if llama.cpp has no such network or tokenizer, ``export_differs``.
    """
    architecture = type(model).__name__
    if not isinstance(model, LlamaForCausalLM):
        raise unsupported(architecture, f"GGUF is for {FORMATS['gguf'].suited}")
    if why := _misfit(model.config):
        raise unsupported(architecture, why)
    tokenizer = gguf_tokenizer(checkpoint, model.config, architecture)
    path = out / FORMATS["gguf"].file
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, model.config, checkpoint.name)
    tokenizer.write(writer)
    for name, array in tensors_of(model).items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    [part] = parts_of(model)
    read: Any = LlamaForCausalLM.from_pretrained(
        out, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    )
    read.eval()

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        ids, mask = inputs
        with torch.no_grad():
            return [read(input_ids=ids, attention_mask=mask, use_cache=False).logits]

    runtime = f"transformers {transformers.__version__} with gguf {version('gguf')}"
    return Exported.of(model, [part], compare(architecture, runtime, [(part, run)], sizes(model)))


def tensors_of(model: LlamaForCausalLM) -> dict[str, NDArray[np.float32]]:
    """The tensors of the file, by llama.cpp's names. A head that shares the embedding's matrix is not among them."""
    config: Any = model.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    found = {}
    for name, tensor in model.state_dict().items():
        if name in model.all_tied_weights_keys:
            continue
        written = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if written is None:
            raise unsupported(type(model).__name__, f"llama.cpp has no name for its tensor {name}")
        array = tensor.float().numpy()
        if count := heads.get(name.split(".")[-2]):
            array = interleaved(array, count)
        found[written] = np.ascontiguousarray(array)
    return found


def interleaved(rows: NDArray[Any], heads: int) -> NDArray[Any]:
    """The rows of a map of queries or keys, in each head one of the first half and one of the second in turn."""
    halves = rows.reshape(heads, 2, -1, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def _misfit(config: Any) -> str | None:
    """What of a configuration llama.cpp's Llama does not have."""
    if config.hidden_act != "silu":
        return f"llama.cpp's has the activation silu, not {config.hidden_act}"
    kind = (config.rope_parameters or {}).get("rope_type", "default")
    if kind != "default":
        return f"only plain rotary positions are written, not those of the kind {kind}"
    return None


def _describe(writer: gguf.GGUFWriter, config: Any, name: str) -> None:
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(name)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
