"""Models with unusual settings, saved by `transformers`, as people upload them."""

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaModel,
    ModernBertConfig,
    ModernBertForMaskedLM,
    ModernBertForSequenceClassification,
    ModernBertForTokenClassification,
    PreTrainedModel,
    T5Config,
    T5ForConditionalGeneration,
)

from core.checkpoints.manifest import MANIFEST, Manifest, describe_files
from core.formats.published.checking import Published, check_checkpoint
from core.formats.published.inspection import inspect_checkpoint_file
from core.networks.heads import name_classes

WORDS = ["the", "a", "cat", "dog", "sat", "ran", "on", "mat", "and", "then", "red", "blue", "house", "tree"]
SPECIAL = {
    "bert": {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
    "gpt2": {"eos": "<|endoftext|>", "bos": "<|endoftext|>"},
    "llama": {"bos": "<s>", "eos": "</s>", "unk": "<unk>"},
    "t5": {"pad": "<pad>", "eos": "</s>", "unk": "<unk>"},
}
VOCABULARY = 96
"""Rows of the embeddings: more than the tokenizers have tokens, as in models whose vocabulary is padded."""


def tokenizer(directory: Path, kind: str) -> None:
    """A tokenizer of whole words with the special tokens of a family."""
    special = SPECIAL[kind]
    names = list(
        dict.fromkeys([*special.values(), *([f"<extra_id_{n}>" for n in range(100)] if kind == "t5" else [])])
    )
    # Special tokens come last, as GPT-2's, so that no id can be guessed.
    vocabulary = {token: number for number, token in enumerate([*WORDS, *names])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token=special.get("unk", names[0])))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(names)
    made.enable_truncation(16)
    made.save(str(directory / "tokenizer.json"))
    settings = {f"{role}_token": token for role, token in special.items()}
    document = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 77,
        "kept": "field",
        **settings,
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(document))


_SIZES = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 48}


def _bert(kind: type[PreTrainedModel] = BertForMaskedLM, **settings: Any) -> PreTrainedModel:
    return kind(
        BertConfig(
            vocab_size=VOCABULARY,
            max_position_embeddings=40,
            type_vocab_size=3,
            layer_norm_eps=1e-3,
            pad_token_id=14,
            **(_SIZES | {"hidden_act": "relu"} | settings),
        )
    )


def _gpt2(**settings: Any) -> PreTrainedModel:
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCABULARY,
            n_layer=2,
            n_embd=32,
            n_head=4,
            n_inner=56,
            n_positions=40,
            bos_token_id=14,
            eos_token_id=14,
            layer_norm_epsilon=1e-3,
            **({"activation_function": "silu"} | settings),
        )
    )


def _llama(kind: type[PreTrainedModel] = LlamaForCausalLM, **settings: Any) -> PreTrainedModel:
    return kind(
        LlamaConfig(
            vocab_size=VOCABULARY,
            bos_token_id=14,
            eos_token_id=15,
            max_position_embeddings=64,
            **(_SIZES | {"rms_norm_eps": 1e-3} | settings),
        )
    )


def _modernbert(kind: type[PreTrainedModel] = ModernBertForMaskedLM, **settings: Any) -> PreTrainedModel:
    return kind(
        ModernBertConfig(
            vocab_size=VOCABULARY,
            pad_token_id=14,
            bos_token_id=16,
            cls_token_id=16,
            eos_token_id=17,
            sep_token_id=17,
            **(_SIZES | {"num_hidden_layers": 4, "norm_eps": 1e-3} | settings),
        )
    )


def _t5(**settings: Any) -> PreTrainedModel:
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=VOCABULARY + 64,
            d_model=32,
            d_ff=48,
            num_layers=2,
            num_heads=4,
            pad_token_id=14,
            eos_token_id=15,
            decoder_start_token_id=14,
            layer_norm_epsilon=1e-3,
            **({"d_kv": 6} | settings),
        )
    )


MODELS: Mapping[str, tuple[str, Callable[[], PreTrainedModel]]] = {
    "bert": ("bert", _bert),
    "bert without a head": ("bert", lambda: _bert(BertModel, hidden_act="gelu_new")),
    "bert untied": ("bert", lambda: _bert(tie_word_embeddings=False, hidden_act="gelu")),
    "gpt2": ("gpt2", _gpt2),
    "gpt2 scaled by layers": (
        "gpt2",
        lambda: _gpt2(scale_attn_by_inverse_layer_idx=True, activation_function="gelu_new"),
    ),
    "gpt2 untied": ("gpt2", lambda: _gpt2(tie_word_embeddings=False)),
    "llama": ("llama", lambda: _llama(num_key_value_heads=2, attention_bias=True, mlp_bias=True)),
    "llama untied": ("llama", lambda: _llama(tie_word_embeddings=False, hidden_act="gelu", head_dim=6)),
    "llama without a head": ("llama", lambda: _llama(LlamaModel)),
    "llama with long rope": (
        "llama",
        lambda: _llama(
            rope_parameters={
                "rope_type": "llama3",
                "rope_theta": 5000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 16,
            }
        ),
    ),
    "modernbert": ("bert", lambda: _modernbert(local_attention=8, attention_bias=True, norm_bias=True)),
    "modernbert with other layers": (
        "bert",
        lambda: _modernbert(
            layer_types=["sliding_attention", "full_attention", "full_attention", "sliding_attention"],
            local_attention=6,
            mlp_bias=True,
            decoder_bias=False,
            classifier_bias=True,
            hidden_activation="relu",
        ),
    ),
    "t5 of version 1.0": ("t5", lambda: _t5(relative_attention_num_buckets=8)),
    "t5 gated, untied": (
        "t5",
        lambda: _t5(feed_forward_proj="gated-gelu", tie_word_embeddings=False, num_decoder_layers=3),
    ),
}
"""Name → the tokenizer's family, and how the model is made."""


CLASSES = ("walk", "eat", "sleep")
"""Not in the order of the alphabet, as the classes of a dataset are."""
TAGS = ("B-PLACE", "O", "I-PLACE")


def _named(model: PreTrainedModel, names: Sequence[str]) -> PreTrainedModel:
    name_classes(model.config, names)
    return model


HEADED: Mapping[str, tuple[str, Callable[[], PreTrainedModel]]] = {
    "bert texts": ("bert", lambda: _named(_bert(BertForSequenceClassification, num_labels=3), CLASSES)),
    "bert several": (
        "bert",
        lambda: _named(
            _bert(BertForSequenceClassification, num_labels=3, problem_type="multi_label_classification"),
            CLASSES,
        ),
    ),
    "bert number": ("bert", lambda: _bert(BertForSequenceClassification, num_labels=1)),
    "bert words": ("bert", lambda: _named(_bert(BertForTokenClassification, num_labels=3), TAGS)),
    "modernbert texts": (
        "bert",
        lambda: _named(
            _modernbert(ModernBertForSequenceClassification, num_labels=3, classifier_pooling="mean"), CLASSES
        ),
    ),
    "modernbert words": (
        "bert",
        lambda: _named(_modernbert(ModernBertForTokenClassification, num_labels=3, norm_bias=True), TAGS),
    ),
}
"""Models with a head of fine-tuning, as those of `MODELS`."""


def saved(name: str, directory: Path, *, shards: bool = False, **settings: Any) -> PreTrainedModel:
    """A model of `MODELS` or `HEADED` in a directory, with the files of a tokenizer and a setting that nobody knows.

    Args:
        settings: Of its configuration, which do not change its weights.
    """
    kind, make = {**MODELS, **HEADED}[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make().eval()
        model.config.update(settings)
        model.config.field_of_somebody = {"kept": [1, 2]}
        model.save_pretrained(directory, max_shard_size="20KB" if shards else "5GB")
    tokenizer(directory, kind)
    return model


def reports_of(directory: Path) -> dict[str, dict[str, Any]]:
    found = {}
    for path in sorted(directory.iterdir()):
        if path.name != MANIFEST:
            with path.open("rb") as stream:
                found[path.name] = inspect_checkpoint_file(stream, path.name)
    return found


def published(directory: Path) -> Published:
    """What the check of the directory's files derives; the directory gets a manifest, as an uploaded checkpoint has it."""
    result = check_checkpoint(reports_of(directory))
    manifest = Manifest(
        step=0, spec_sha256="", data_key="", created="", metrics={}, files=describe_files(directory)
    )
    (directory / MANIFEST).write_bytes(manifest.encode())
    return result
