"""Adds words to a tokenizer, each as one token after the vocabulary that it has."""

import json
from collections.abc import Sequence

from tokenizers import AddedToken, Tokenizer

from core.data.errors import DataError

_AROUND = "a {} a"
"""A text in which a word must be found."""


def with_added_tokens(tokenizer: Tokenizer, words: Sequence[str]) -> Tokenizer:
    """A tokenizer with further tokens, whose ids follow its largest one in the order of ``words``.

    A word that begins and ends with a letter or a digit is found only where none is beside it, unless the tokenizer joins words
    before it looks for tokens, as those of SentencePiece do. Texts are normalised before (lower case, accents), and so is the word.

    Args:
        tokenizer: It is not changed.

    Raises:
        DataError: ``added_token``: a word is a token already, or no text would give it.
    """
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    first = max(vocabulary.values(), default=-1) + 1
    unknown = _unknown(tokenizer)
    for word in words:
        _require_new(tokenizer, word, vocabulary, unknown)
    matching = {word: _matchings(word) for word in words}
    while True:
        extended = Tokenizer.from_str(tokenizer.to_str())
        extended.add_tokens([AddedToken(word, **matching[word][0]) for word in words])
        found = extended.get_vocab(with_added_tokens=True)
        ids = {word: found[word] for word in words}
        if list(ids.values()) != list(range(first, first + len(words))):
            raise DataError(
                "added_token",
                "The ids of the tokenizer's tokens have gaps, so that a new token would have the id of another one",
                "Number the tokens in tokenizer.json without gaps, or leave data.tokenizer.add_tokens out.",
                case="gaps",
            )
        unseen = [word for word, number in ids.items() if not _is_found(extended, word, number)]
        if not unseen:
            return extended
        for word in unseen:
            if len(matching[word]) == 1:
                raise DataError(
                    "added_token",
                    f"The tokenizer does not find the word {word!r} in a text, because another of its added tokens has a part of it",
                    "Leave the word out of data.tokenizer.add_tokens.",
                    case="never_found",
                    token=word,
                )
            matching[word] = matching[word][1:]


def _matchings(word: str) -> list[dict[str, bool]]:
    """Ways to look for a word, the best first."""
    alone = [{"single_word": True, "normalized": True}] if word[0].isalnum() and word[-1].isalnum() else []
    return [*alone, {"single_word": False, "normalized": True}, {"single_word": False, "normalized": False}]


def _unknown(tokenizer: Tokenizer) -> int | None:
    """The id that stands for what the vocabulary does not have."""
    model = json.loads(tokenizer.to_str())["model"]
    number: int | None = model.get("unk_id")
    return tokenizer.token_to_id(model["unk_token"]) if model.get("unk_token") else number


def _require_new(tokenizer: Tokenizer, word: str, vocabulary: dict[str, int], unknown: int | None) -> None:
    """
    Raises:
        DataError: ``added_token``.
    """
    pieces = tokenizer.encode(word, add_special_tokens=False).ids
    if word in vocabulary or (len(pieces) == 1 and pieces[0] != unknown):
        raise DataError(
            "added_token",
            f"{word!r} is a token of the checkpoint's vocabulary already",
            "Leave it out of data.tokenizer.add_tokens.",
            case="token_there",
            token=word,
        )


def _is_found(tokenizer: Tokenizer, word: str, number: int) -> bool:
    return all(
        number in tokenizer.encode(text, add_special_tokens=False).ids
        for text in (word, _AROUND.format(word))
    )
