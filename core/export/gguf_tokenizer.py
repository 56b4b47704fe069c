"""A checkpoint's tokenizer as llama.cpp reads it from a GGUF file, where llama.cpp computes the same tokens."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gguf import GGUFWriter, TokenType
from tokenizers import Tokenizer

from core.export.network import unsupported

_TRIED = "A text"
"""Any text with tokens, to find out which tokens the tokenizer adds to it."""


@dataclass(frozen=True, slots=True)
class GgufTokenizer:
    """A byte-level BPE with the splits of GPT-2, the kind ``gpt2`` of llama.cpp."""

    tokens: list[str]
    types: list[TokenType]
    merges: list[str]
    bos: int | None
    eos: int | None
    adds_bos: bool
    adds_eos: bool

    def write(self, writer: GGUFWriter) -> None:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2")
        writer.add_token_list(self.tokens)
        writer.add_token_types(self.types)
        writer.add_token_merges(self.merges)
        if self.bos is not None:
            writer.add_bos_token_id(self.bos)
        if self.eos is not None:
            writer.add_eos_token_id(self.eos)
        writer.add_add_bos_token(self.adds_bos)
        writer.add_add_eos_token(self.adds_eos)


def gguf_tokenizer(folder: Path, config: Any, architecture: str) -> GgufTokenizer:
    """The tokenizer in a checkpoint's folder.

    Args:
        config: Of the network: the size of its vocabulary, and its first and last token.

    Raises:
        EngineError: ``export_unsupported`` where llama.cpp has no tokenizer that gives the same tokens.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise unsupported(
            architecture, "the checkpoint has no tokenizer.json, and a GGUF file needs a tokenizer"
        )
    document = json.loads(path.read_text(encoding="utf-8"))
    if why := _misfit(document):
        raise unsupported(architecture, f"llama.cpp has no tokenizer that gives the same tokens: {why}")
    tokenizer = Tokenizer.from_file(str(path))
    # Not the number of tokens, because their ids may have gaps.
    count = max(tokenizer.get_vocab().values(), default=-1) + 1
    if count > config.vocab_size:
        raise unsupported(
            architecture,
            f"the ids of its tokenizer's tokens are below {count:,}, and the network has {config.vocab_size:,} tokens",
        )
    tokens, types = _vocabulary(document, config.vocab_size)
    bos, eos = _first(config.bos_token_id), _first(config.eos_token_id)
    adds_bos, adds_eos = _added(tokenizer, bos, eos, architecture)
    merges = [one if isinstance(one, str) else " ".join(one) for one in document["model"]["merges"]]
    return GgufTokenizer(tokens, types, merges, bos, eos, adds_bos, adds_eos)


def _misfit(document: dict[str, Any]) -> str | None:
    """Why a ``tokenizer.json`` is none of llama.cpp's kind ``gpt2`` with the splits ``gpt-2``."""
    model, splits = document["model"], document.get("pre_tokenizer") or {}
    other_splits = splits.get("type") != "ByteLevel" or not splits.get("use_regex", True)
    other_merges = model.get("byte_fallback") or model.get("ignore_merges")
    affixes = model.get("continuing_subword_prefix") or model.get("end_of_word_suffix")
    reasons = {
        f"it is of the kind {model.get('type')}, and not a byte-level BPE": model.get("type") != "BPE",
        "it changes a text before it splits it (normalizer)": document.get("normalizer") is not None,
        "it does not split texts as GPT-2's does": other_splits,
        "it puts a space before each text": splits.get("add_prefix_space", True),
        "it has no merges": not model.get("merges"),
        "its merges are applied in another way": other_merges,
        "its tokens have a prefix or a suffix": affixes,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _vocabulary(document: dict[str, Any], size: int) -> tuple[list[str], list[TokenType]]:
    """The tokens and their types by number; numbers that no token has are of the type ``UNUSED``."""
    tokens = [f"[PAD{number}]" for number in range(size)]
    types = [TokenType.UNUSED] * size
    for token, number in document["model"]["vocab"].items():
        tokens[number], types[number] = token, TokenType.NORMAL
    for added in document.get("added_tokens") or ():
        kind = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
        tokens[added["id"]], types[added["id"]] = added["content"], kind
    return tokens, types


def _added(tokenizer: Tokenizer, bos: int | None, eos: int | None, architecture: str) -> tuple[bool, bool]:
    """Whether the tokenizer puts the first token before a text, and the last one after it.

    Raises:
        EngineError: ``export_unsupported`` if it adds others.
    """
    plain = tokenizer.encode(_TRIED, add_special_tokens=False).ids
    whole = tokenizer.encode(_TRIED).ids
    for before in (False, True):
        for after in (False, True):
            if (before and bos is None) or (after and eos is None):
                continue
            if whole == [*([bos] if before else []), *plain, *([eos] if after else [])]:
                return before, after
    raise unsupported(architecture, "its tokenizer adds tokens to a text that llama.cpp cannot add")


def _first(number: int | list[int] | None) -> int | None:
    return number[0] if isinstance(number, list) else number
