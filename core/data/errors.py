"""`DataError`: the error raised for every problem with a dataset."""

from typing import Literal

from core.characters import without_objects

DataErrorCode = Literal[
    "data_too_small",
    "data_unreadable",
    "labels_missing",
    "pattern_too_slow",
    "tokenizer_invalid",
    "too_few_classes",
    "too_many_bad_samples",
    "unseen_classes",
]


class DataError(Exception):
    """Data that cannot be used for training: a stable ``code``, what is wrong, and what to do about it."""

    def __init__(self, code: DataErrorCode, message: str, hint: str = "") -> None:
        message = without_objects(message)
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.code, self.message, self.hint)
