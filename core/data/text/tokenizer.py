"""The tokenizer: trained on the training part, or the one that was uploaded."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from core.data.errors import DataError
from core.data.text.alphabet import most_frequent
from core.data.text.special import SpecialIds
from core.spec.data import TokenizerSpec

Texts = Callable[[], Iterable[str]]

SPECIAL_TOKENS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
_OTHER_NAMES = {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
_MIN_FREQUENCY = 2
_LARGEST_VOCABULARY = 2_000_000


@dataclass(frozen=True)
class PreparedTokenizer:
    """A tokenizer whose special tokens are known."""

    tokenizer: Tokenizer
    names: dict[str, str]
    """Role (``mask`` …) to token (``[MASK]`` …)."""
    special_ids: SpecialIds
    vocabulary_size: int
    """One more than the largest id."""

    def save(self, directory: Path, model_max_length: int) -> None:
        """Writes what ``AutoTokenizer.from_pretrained(directory)`` opens."""
        directory.mkdir()
        names = {f"{role}_token": token for role, token in sorted(self.names.items())}
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": model_max_length,
            "clean_up_tokenization_spaces": False,
            **names,
        }
        self.tokenizer.save(str(directory / "tokenizer.json"))
        (directory / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
        (directory / "special_tokens_map.json").write_text(json.dumps(names, indent=2) + "\n")


def train(spec: TokenizerSpec, texts: Texts) -> PreparedTokenizer:
    """A tokenizer trained on ``texts()``, the same bytes for the same texts; read twice for WordPiece."""
    tokenizer = _train_bpe(spec, texts) if spec.kind == "bpe" else _train_wordpiece(spec, texts)
    return _with_roles(tokenizer)


def load(content: bytes) -> PreparedTokenizer:
    """An uploaded ``tokenizer.json``; special tokens that it lacks are added, named as BERT names them.

    Raises:
        DataError: ``tokenizer_invalid``.
    """
    try:
        tokenizer = Tokenizer.from_str(content.decode())
    except Exception as error:  # noqa: BLE001 - tokenizers raises bare Exception
        raise DataError(
            "tokenizer_invalid",
            f"The uploaded tokenizer.json cannot be loaded: {error}",
            "Upload a tokenizer.json that tokenizers.Tokenizer.from_file opens.",
        ) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return _with_roles(tokenizer)


def _train_bpe(spec: TokenizerSpec, texts: Texts) -> Tokenizer:
    """Byte-level BPE as in GPT-2 and RoBERTa: no text is unknown to it."""
    tokenizer = Tokenizer(models.BPE())
    if spec.lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    # A word's token holds the space before it, so that a mask written as " [MASK]" must take the space too.
    special = [_special(token, lstrip=role == "mask") for role, token in SPECIAL_TOKENS.items()]
    trainer = trainers.BpeTrainer(
        vocab_size=spec.vocabulary_size,
        min_frequency=_MIN_FREQUENCY,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    return tokenizer


def _train_wordpiece(spec: TokenizerSpec, texts: Texts) -> Tokenizer:
    """BERT's WordPiece.

    The trainer numbers the pieces ``##x`` in the order of a hash map that differs from process to process, and breaks
    ties by number. So they are handed to it in order, as if they were special, and the tokenizer is
    built anew around the vocabulary that comes out.
    """
    special = list(SPECIAL_TOKENS.values())
    tokenizer = _wordpiece(models.WordPiece(unk_token=SPECIAL_TOKENS["unk"]), lowercase=spec.lowercase)
    # Each character takes two places, alone and as ``##x``; at least a third is left for longer pieces.
    limit = (spec.vocabulary_size - len(special)) // 3
    alphabet = most_frequent(texts(), tokenizer.normalizer.normalize_str, limit)
    trainer = trainers.WordPieceTrainer(
        vocab_size=spec.vocabulary_size,
        min_frequency=_MIN_FREQUENCY,
        special_tokens=[*special, *(f"##{character}" for character in alphabet)],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    vocabulary = json.loads(tokenizer.to_str())["model"]["vocab"]
    trained = _wordpiece(
        models.WordPiece(vocabulary, unk_token=SPECIAL_TOKENS["unk"]), lowercase=spec.lowercase
    )
    trained.add_special_tokens([_special(token) for token in special])
    return trained


def _wordpiece(model: Any, *, lowercase: bool) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _special(token: str, *, lstrip: bool = False) -> AddedToken:
    return AddedToken(token, special=True, normalized=False, lstrip=lstrip)


def _with_roles(tokenizer: Tokenizer) -> PreparedTokenizer:
    names = {}
    for role, token in SPECIAL_TOKENS.items():
        known = next((t for t in (token, _OTHER_NAMES[role]) if tokenizer.token_to_id(t) is not None), None)
        names[role] = known or token
    tokenizer.add_special_tokens(
        [
            _special(token, lstrip=role == "mask")
            for role, token in names.items()
            if _is_plain(tokenizer, token)
        ]
    )
    ids: dict[str, int] = {role: _id(tokenizer, token) for role, token in names.items()}
    if not tokenizer.encode("").ids:
        cls, sep = names["cls"], names["sep"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{cls} $A {sep}",
            pair=f"{cls} $A {sep} $B:1 {sep}:1",
            special_tokens=[(cls, ids["cls"]), (sep, ids["sep"])],
        )
    size = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1
    if size > _LARGEST_VOCABULARY:
        raise DataError(
            "tokenizer_invalid",
            f"The tokenizer's largest id is {size - 1:,}; {_LARGEST_VOCABULARY:,} ids at most",
            "Number its tokens without gaps, or train a smaller vocabulary.",
        )
    marked = (i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special)
    return PreparedTokenizer(
        tokenizer=tokenizer,
        names=names,
        special_ids=SpecialIds(
            **ids,
            all=tuple(sorted({*ids.values(), *marked})),
        ),
        vocabulary_size=size,
    )


def _id(tokenizer: Tokenizer, token: str) -> int:
    number = tokenizer.token_to_id(token)
    assert number is not None, token
    return number


def _is_plain(tokenizer: Tokenizer, token: str) -> bool:
    """Whether a token is absent, or there but not marked as special."""
    return not any(
        added.content == token and added.special for added in tokenizer.get_added_tokens_decoder().values()
    )
