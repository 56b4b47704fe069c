"""Words that a job adds to the vocabulary of the checkpoint that it starts from (``data.tokenizer.add_tokens``)."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from core.characters import unwanted
from core.spec.faults import SpecFault

MOST_ADDED_TOKENS = 1_000
"""Most words that can be added."""
LONGEST_ADDED_TOKEN = 100
"""Most characters of a word that is added."""


def _check_word(word: str) -> str:
    if not word.strip():
        raise SpecFault(
            "added_token", "it is empty, or white space alone; write a word, or leave it out", case="blank"
        )
    if word != word.strip():
        raise SpecFault(
            "added_token",
            f"{word!r} begins or ends with white space, which a text has between words; leave the white space out",
            case="outer_space",
            token=word,
        )
    if (problem := unwanted(word)) is not None:
        raise SpecFault(
            "added_token", f"{word!r} is no word: {problem}", case="characters", token=word, reason=problem
        )
    return word


def _check_distinct(words: tuple[str, ...]) -> tuple[str, ...]:
    seen: set[str] = set()
    for word in words:
        if word in seen:
            raise SpecFault(
                "added_token", f"{word!r} is named twice; name it once", case="repeated", token=word
            )
        seen.add(word)
    return words


Word = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_ADDED_TOKEN),
    AfterValidator(_check_word),
]
AddedTokens = Annotated[
    tuple[Word, ...], Field(max_length=MOST_ADDED_TOKENS), AfterValidator(_check_distinct)
]


def all_added(asked: Sequence[str], before: Sequence[str]) -> tuple[str, ...]:
    """The words that a job adds to the tokenizer's files: those of the checkpoint's job, and its own after them.

    The files in a checkpoint stay as they were before any word was added, so that its network has a row for each of these words.

    Args:
        asked: As the job's spec has them: the new ones, or all of them, as in a copy of a spec that was completed before.
        before: Those of the job that wrote the checkpoint.
    """
    return tuple(asked) if is_longer(asked, before) else (*before, *asked)


def is_longer(words: Sequence[str], before: Sequence[str]) -> bool:
    """Whether ``words`` begin with all of ``before``."""
    return tuple(words[: len(before)]) == tuple(before)
