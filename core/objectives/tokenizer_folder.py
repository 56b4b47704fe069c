"""Writes a checkpoint's tokenizer as its task needs it: which special tokens are added to a text, which end it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, processors

from core.data.text import PreparedText
from core.errors import EngineError


def save_causal_tokenizer(data: PreparedText, directory: Path, model_max_length: int) -> None:
    """A tokenizer that adds no tokens to a text, so that a network continues directly after it.

    That of a checkpoint stays as it is.

    The separator is the token for the beginning and for the end of a text.
    """
    data.save_tokenizer(directory, model_max_length)
    if data.keeps_tokenizer:
        return
    _edit(directory / "tokenizer.json", post_processor=None)
    end = _role(directory, "sep")
    _declare(directory, bos_token=end, eos_token=end)


def save_denoising_tokenizer(
    data: PreparedText, directory: Path, model_max_length: int, sentinels: Sequence[str]
) -> None:
    """A tokenizer with the sentinels after its vocabulary, and the separator after each text, as T5's."""
    data.save_tokenizer(directory, model_max_length)
    if data.keeps_tokenizer and not _lacking(directory / "tokenizer.json", sentinels):
        return
    end = _role(directory, "sep")
    tokenizer = with_sentinels(directory / "tokenizer.json", sentinels)
    closing = [(end, tokenizer.token_to_id(end))]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {end}", pair=f"$A {end} $B:1 {end}:1", special_tokens=closing
    )
    tokenizer.save(str(directory / "tokenizer.json"))
    _declare(directory, eos_token=end)
    _edit(directory / "tokenizer_config.json", extra_special_tokens=list(sentinels))


def save_framing_tokenizer(data: PreparedText, directory: Path, model_max_length: int) -> None:
    """A tokenizer that puts the separator before and after a text, as a causal network sees documents in pretraining."""
    data.save_tokenizer(directory, model_max_length)
    end = _role(directory, "sep")
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{end} $A {end}",
        pair=f"{end} $A {end} $B {end}",
        special_tokens=[(end, tokenizer.token_to_id(end))],
    )
    tokenizer.save(str(directory / "tokenizer.json"))
    _declare(directory, bos_token=end, eos_token=end)


def without_token_types(directory: Path) -> None:
    """Have a saved tokenizer return no ``token_type_ids``, which only BERT takes."""
    _edit(directory / "tokenizer_config.json", model_input_names=["input_ids", "attention_mask"])


def sentinel_names(count: int) -> list[str]:
    """The names of T5's sentinels."""
    return [f"<extra_id_{number}>" for number in range(count)]


def with_sentinels(file: Path, sentinels: Sequence[str]) -> Tokenizer:
    """The tokenizer in ``file`` with those of ``sentinels`` added that it lacks."""
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in sentinels])
    return tokenizer


def tokenizer_with_sentinels(data: PreparedText, sentinels: Sequence[str]) -> Tokenizer:
    """The tokenizer of prepared text, with those of ``sentinels`` added that it lacks.

    Raises:
        EngineError: ``spec_invalid``: added words have the ids that a T5 has for sentinels.
    """
    file = data.tokenizer_directory / "tokenizer.json"
    lacking = _lacking(file, sentinels)
    if lacking and data.added_tokens:
        raise EngineError(
            "spec_invalid",
            f"The checkpoint's tokenizer lacks the sentinels of a T5, as {lacking[0]}, whose ids the added words would have.",
            "Leave data.tokenizer.add_tokens out, or upload the checkpoint with a tokenizer that was saved with extra_ids.",
            case="added_tokens_sentinels",
            sentinel=lacking[0],
        )
    return with_sentinels(file, sentinels)


def _role(directory: Path, role: str) -> str:
    settings = json.loads((directory / "tokenizer_config.json").read_text())
    token = settings.get(f"{role}_token") or settings["eos_token"]
    return str(token["content"] if isinstance(token, dict) else token)


def _lacking(file: Path, tokens: Sequence[str]) -> list[str]:
    tokenizer = Tokenizer.from_file(str(file))
    return [token for token in tokens if tokenizer.token_to_id(token) is None]


def _declare(directory: Path, **roles: str) -> None:
    _edit(directory / "tokenizer_config.json", **roles)
    if (names := directory / "special_tokens_map.json").exists():
        _edit(names, **roles)


def _edit(file: Path, **changes: Any) -> None:
    document = json.loads(file.read_text(encoding="utf-8")) | changes
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
