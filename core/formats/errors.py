"""`FormatError`: the error raised for every problem with an uploaded file."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from core.characters import LONGEST_NAME, brief, printable, without_objects
from core.parameters import plain

__all__ = ["FormatError", "FormatErrorCode", "Place", "printable"]

FormatErrorCode = Literal[
    "archive_bomb",
    "archive_encrypted",
    "archive_link",
    "archive_path_escapes",
    "audio_too_long",
    "bad_audio",
    "bad_columns",
    "bad_csv",
    "bad_file",
    "bad_idx",
    "bad_image",
    "bad_json",
    "bad_label",
    "bad_name",
    "bad_parquet",
    "bad_tags",
    "bad_tokenizer",
    "bad_transcript",
    "bad_weights",
    "checkpoint_incomplete",
    "checkpoint_misfit",
    "checkpoint_unsupported",
    "code_refused",
    "corrupt_archive",
    "empty_file",
    "image_too_large",
    "image_too_small",
    "no_audio",
    "no_documents",
    "no_image_column",
    "no_images",
    "no_label_column",
    "no_text_column",
    "not_utf8",
    "pattern_too_slow",
    "pickle_refused",
    "truncated_archive",
    "truncated_audio",
    "unknown_format",
]


_WHERE = 2 * LONGEST_NAME
"""Characters of a file's name together with a member's name in an error message, at most."""


BadSample = tuple[str, str, FormatErrorCode, dict[str, Any]]
"""A sample that cannot be used, as a report lists it: its name, the sentence that says why, its code and parameters."""


class FormatError(ValueError):
    """A problem with an uploaded file because of which no samples can be read from it.

    ``code`` is stable. ``message`` says what is wrong and what to do. ``file`` names the file, ``member`` the file
    inside it where it is an archive. ``params`` is what the message is made of (`core.parameters`).
    """

    def __init__(
        self,
        code: FormatErrorCode,
        message: str,
        file: str,
        member: str | None = None,
        **params: Any,
    ) -> None:
        self.code = code
        self.message = message = without_objects(message)
        self.file = file
        self.member = member
        self.params = plain(params)
        where = file if member is None else f"{file} ({member})"
        super().__init__(f"{brief(where, _WHERE)}: {message}")

    @property
    def facts(self) -> dict[str, Any]:
        """What ``str(error)`` is made of: its ``params``, the file and the member."""
        where = {"file": brief(self.file), "member": self.member and brief(self.member)}
        return {**where, **self.params}

    @property
    def nested(self) -> dict[str, Any]:
        """The error as a parameter of another message."""
        return {"code": self.code, "message": str(self), "params": self.facts}

    @property
    def bad_sample(self) -> BadSample:
        """The error in a report's list of bad samples."""
        return brief(self.member or self.file), brief(self.message, 500), self.code, self.params

    def __reduce__(self) -> tuple[Any, ...]:
        again = partial(type(self), **self.params)
        return again, (self.code, self.message, self.file, self.member)


@dataclass(frozen=True)
class Place:
    """The position of a reader: a file, or a member of an archive."""

    file: str
    member: str | None = None

    def error(self, code: FormatErrorCode, message: str, **params: Any) -> FormatError:
        return FormatError(code, message, self.file, self.member, **params)


def where(place: Place, line: int | None) -> str:
    """File, member and line, for people: ``a.zip (b.csv), line 7``."""
    name = place.file if place.member is None else f"{place.file} ({place.member})"
    return printable(name) if line is None else f"{printable(name)}, line {line:,}"
