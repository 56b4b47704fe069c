"""A tokenizer with its special tokens by role: loaded from an upload or a checkpoint, and saved for `transformers`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, processors

from core.data.errors import DataError
from core.data.text.special import NO_TOKEN, SpecialIds

SPECIAL_TOKENS = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
_OTHER_NAMES = {"pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>", "mask": "<mask>"}
_LARGEST_VOCABULARY = 2_000_000


@dataclass(frozen=True)
class PreparedTokenizer:
    """A tokenizer with its special tokens by role."""

    tokenizer: Tokenizer
    names: dict[str, str]
    """The token (``[MASK]`` …) of each role (``mask`` …)."""
    special_ids: SpecialIds
    vocabulary_size: int
    """The largest id plus one."""

    def save(self, directory: Path, model_max_length: int) -> None:
        """Write the files for ``AutoTokenizer.from_pretrained(directory)``."""
        directory.mkdir(exist_ok=True)
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


def load(content: bytes) -> PreparedTokenizer:
    """Load an uploaded ``tokenizer.json``. Special tokens that it lacks are added, with BERT's names.

    Raises:
        DataError: ``tokenizer_invalid``.
    """
    return with_roles(open_tokenizer(content))


def load_unchanged(content: bytes, declared: Mapping[str, str]) -> PreparedTokenizer:
    """Load the ``tokenizer.json`` of a checkpoint, without a change to its vocabulary: its network has a vector for each token.

    A role without a token of its own has that of another: padding, the first token of a row and the token for unknown text
    are then the one that ends a text, as in GPT-2. There is none for masks: `SpecialIds.mask` is -1.

    Args:
        declared: The token of each role, as far as the checkpoint's settings name one.

    Raises:
        DataError: ``tokenizer_invalid``.
    """
    tokenizer = open_tokenizer(content)
    names = {}
    for role, token in SPECIAL_TOKENS.items():
        candidates = (declared.get(role), token, _OTHER_NAMES[role])
        known = next((t for t in candidates if t is not None and tokenizer.token_to_id(t) is not None), None)
        if known is not None:
            names[role] = known
    end = names.get("sep")
    if end is None:
        raise DataError(
            "tokenizer_invalid",
            "The checkpoint's tokenizer names no token that ends a text",
            "Set eos_token or sep_token in its tokenizer_config.json, and upload the checkpoint again.",
            case="no_end_token",
        )
    for role in ("pad", "unk", "cls"):
        names.setdefault(role, end)
    return _prepared(tokenizer, names)


def open_tokenizer(content: bytes) -> Tokenizer:
    """The tokenizer in a ``tokenizer.json``, which neither cuts nor pads.

    Raises:
        DataError: ``tokenizer_invalid``.
    """
    try:
        tokenizer = Tokenizer.from_str(content.decode())
    except (
        BaseException
    ) as error:  # tokenizers raises Exception itself, and panics that are not derived from it
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise DataError(
            "tokenizer_invalid",
            f"The tokenizer.json cannot be loaded: {error}",
            "Upload a tokenizer.json that tokenizers.Tokenizer.from_file opens.",
            case="unusable",
            error=error,
        ) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def special_token(token: str, *, lstrip: bool = False) -> AddedToken:
    """A special token. With ``lstrip`` it includes the whitespace before it."""
    return AddedToken(token, special=True, normalized=False, lstrip=lstrip)


def with_roles(tokenizer: Tokenizer) -> PreparedTokenizer:
    """The tokenizer with a token for each role. Tokens that it lacks are added.

    Raises:
        DataError: ``tokenizer_invalid``, where its ids are too large.
    """
    names = {}
    for role, token in SPECIAL_TOKENS.items():
        known = next((t for t in (token, _OTHER_NAMES[role]) if tokenizer.token_to_id(t) is not None), None)
        names[role] = known or token
    tokenizer.add_special_tokens(
        [
            special_token(token, lstrip=role == "mask")
            for role, token in names.items()
            if _is_plain(tokenizer, token)
        ]
    )
    ids = {role: _id(tokenizer, names[role]) for role in ("cls", "sep")}
    if not tokenizer.encode("").ids:
        cls, sep = names["cls"], names["sep"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{cls} $A {sep}",
            pair=f"{cls} $A {sep} $B:1 {sep}:1",
            special_tokens=[(cls, ids["cls"]), (sep, ids["sep"])],
        )
    return _prepared(tokenizer, names)


def _prepared(tokenizer: Tokenizer, names: dict[str, str]) -> PreparedTokenizer:
    ids = {role: _id(tokenizer, token) for role, token in names.items()}
    size = max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1
    if size > _LARGEST_VOCABULARY:
        raise DataError(
            "tokenizer_invalid",
            f"The tokenizer's largest id is {size - 1:,}; {_LARGEST_VOCABULARY:,} ids at most",
            "Number its tokens without gaps, or train a smaller vocabulary.",
            case="too_many_ids",
            largest_id=size - 1,
            most_ids=_LARGEST_VOCABULARY,
        )
    marked = (i for i, token in tokenizer.get_added_tokens_decoder().items() if token.special)
    return PreparedTokenizer(
        tokenizer=tokenizer,
        names=names,
        special_ids=SpecialIds(
            **{"mask": NO_TOKEN, **ids},
            all=tuple(sorted({*ids.values(), *marked})),
        ),
        vocabulary_size=size,
    )


def _id(tokenizer: Tokenizer, token: str) -> int:
    number = tokenizer.token_to_id(token)
    assert number is not None, token
    return number


def _is_plain(tokenizer: Tokenizer, token: str) -> bool:
    """Whether a token is absent, or present without being marked as special."""
    return not any(
        added.content == token and added.special for added in tokenizer.get_added_tokens_decoder().values()
    )
