"""Which characters are allowed in text that people enter: names, columns, files.

Text is accepted as it is: every script, emoji and their joiners, spaces of any width, composed and decomposed accents,
direction marks, private use characters. Refused are only characters that no name needs and that do harm.
"""

import re

LONGEST_NAME = 255
"""Length of a name, characters; of the name of a file, bytes."""

_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_HALF_PAIRS = r"\ud800-\udfff"
_DIRECTION = r"\u202a-\u202e\u2066-\u2069"
_NO_CHARACTERS = r"\ufdd0-\ufdef" + "".join(
    f"\\U{plane << 16 | 0xFFFE:08x}\\U{plane << 16 | 0xFFFF:08x}" for plane in range(17)
)

NAME_PATTERN = rf"^[^{_CONTROL}]+$"
"""The pattern of a name, in JSON Schema."""

_IN_NAMES = re.compile(f"[{_CONTROL}{_HALF_PAIRS}]")
_IN_FILE_NAMES = re.compile(f"[{_CONTROL}{_HALF_PAIRS}{_DIRECTION}{_NO_CHARACTERS}]")
_OBJECT = re.compile(r"<[^<>]{1,200} at 0x[0-9A-Fa-f]+>|<_io\.[^<>]{1,200}>")
_KINDS = (
    ("\0", "which a database cannot store"),
    (re.compile(f"[{_CONTROL}]"), "a control character or the end of a line"),
    (re.compile(f"[{_HALF_PAIRS}]"), "half of a surrogate pair, not a character"),
    (re.compile(f"[{_DIRECTION}]"), "which changes the direction of the text around it"),
    (re.compile(f"[{_NO_CHARACTERS}]"), "which is not a character (a Unicode noncharacter)"),
)


def unwanted(name: str) -> str | None:
    """Why a name's characters are refused, as a clause; None where they are accepted."""
    return _first_match(_IN_NAMES.search(name))


def unwanted_in_file_name(name: str) -> str | None:
    """Why a file name's characters are refused, as a clause; None where they are accepted. It must not look like another name."""
    return _first_match(_IN_FILE_NAMES.search(name))


def unstorable(text: str) -> str | None:
    """Why a database cannot store ``text``, as a clause; None where it can."""
    return _first_match(re.search(f"[\0{_HALF_PAIRS}]", text))


def printable(text: str) -> str:
    """``text`` for a message or a table: harmful characters become U+FFFD."""
    return _IN_FILE_NAMES.sub(lambda match: match[0] if match[0] in "\n\t" else "\ufffd", text)


def brief(text: str, longest: int = LONGEST_NAME) -> str:
    """`printable`, shortened to a maximum length. For names from uploaded files in lists and reports."""
    shown = printable(text[:longest])
    return shown if len(text) <= longest else shown[:-1] + "…"


def without_objects(text: str) -> str:
    """The message of a library's error, with "the file" in place of the Python object that it names."""
    return _OBJECT.sub("the file", text)


def _first_match(match: re.Match[str] | None) -> str | None:
    if match is None:
        return None
    character = match[0]
    kind = next(
        words
        for known, words in _KINDS
        if (known == character if isinstance(known, str) else known.match(character))
    )
    return f"it holds U+{ord(character):04X}, {kind}"
