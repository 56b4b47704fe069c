"""Validates names of files in a dataset: one path component that every file system accepts."""

import unicodedata

from control.errors import Invalid
from core.characters import LONGEST_NAME, unwanted_in_file_name


def check_file_name(name: str) -> None:
    """
    Raises:
        Invalid: ``invalid_file_name``, saying what is wrong with it.
    """
    problem = _problem(name)
    if problem:
        raise Invalid(
            "invalid_file_name",
            f"A file cannot be called {name[:100]!r}: {problem}.",
            param="name",
            params={"name": name[:100], "reason": problem},
        )


def _problem(name: str) -> str | None:
    unwanted = unwanted_in_file_name(name)
    rules = (
        (not name, "the name is empty"),
        (
            "/" in name or "\\" in name,
            "it is a path; files in a dataset lie side by side, so use the last part, or join the parts with '_'",
        ),
        (name.startswith("."), "names that begin with a dot are hidden, and hidden files are not read"),
        ("\N{REPLACEMENT CHARACTER}" in name, "it is not valid UTF-8"),
        (unwanted is not None, unwanted),
        (not any(map(_is_visible, name)), "none of its characters can be seen"),
        (name != name.strip(), "it begins or ends with a space"),
        (
            len(name.encode(errors="replace")) > LONGEST_NAME,
            f"it is longer than {LONGEST_NAME} bytes of UTF-8",
        ),
    )
    return next((problem for broken, problem in rules if broken), None)


def _is_visible(character: str) -> bool:
    return unicodedata.category(character)[0] not in "CZ" or unicodedata.category(character) in {"Co", "Cn"}
