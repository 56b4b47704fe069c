"""`DataError`: the error raised for every problem with a dataset."""

from functools import partial
from typing import Any, Literal

from core.characters import without_objects
from core.formats.errors import FormatError
from core.parameters import plain

DataErrorCode = Literal[
    "added_token",
    "data_too_small",
    "data_unreadable",
    "labels_missing",
    "pattern_too_slow",
    "tokenizer_invalid",
    "too_few_classes",
    "too_many_bad_samples",
    "transcript_without_recording",
    "transcripts_missing",
    "unseen_classes",
]


class DataError(Exception):
    """Data that cannot be used for training: a stable ``code``, what is wrong, and what to do about it.

    ``details`` is what the message and the hint are made of (`core.parameters`).
    """

    def __init__(self, code: DataErrorCode, message: str, hint: str = "", **details: Any) -> None:
        message = without_objects(message)
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.details = plain(details)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), **self.details), (self.code, self.message, self.hint)


def unreadable(error: FormatError) -> DataError:
    """The error for a file whose content cannot be used."""
    code: DataErrorCode = "tokenizer_invalid" if error.code == "bad_tokenizer" else "data_unreadable"
    return DataError(code, str(error), "Correct or remove the file.", case="file", problem=error.nested)
