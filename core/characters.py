"""Which characters a text may hold that people give: names, columns, files.

All that people type is taken as it is: every script, emoji and what joins them, spaces of any width, composed and
decomposed accents, marks of direction, private use. Not taken is what no name needs and what does harm.
"""

import re

LONGEST_NAME = 255
"""Characters of a name; bytes of a file's."""

_CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_HALVES = r"\ud800-\udfff"
_TURNING = r"\u202a-\u202e\u2066-\u2069"
_NO_CHARACTERS = r"\ufdd0-\ufdef" + "".join(
    f"\\U{plane << 16 | 0xFFFE:08x}\\U{plane << 16 | 0xFFFF:08x}" for plane in range(17)
)

NAME_PATTERN = rf"^[^{_CONTROL}]+$"
"""Of a name, as JSON Schema has it."""

_IN_NAMES = re.compile(f"[{_CONTROL}{_HALVES}]")
_IN_FILE_NAMES = re.compile(f"[{_CONTROL}{_HALVES}{_TURNING}{_NO_CHARACTERS}]")
_OBJECT = re.compile(r"<[^<>]{1,200} at 0x[0-9A-Fa-f]+>|<_io\.[^<>]{1,200}>")
_KINDS = (
    ("\0", "which cannot be stored"),
    (re.compile(f"[{_CONTROL}]"), "a control character or the end of a line"),
    (re.compile(f"[{_HALVES}]"), "half of a surrogate pair and no character"),
    (re.compile(f"[{_TURNING}]"), "which turns the direction of the text around it"),
    (re.compile(f"[{_NO_CHARACTERS}]"), "which is no character and never will be one"),
)


def unwanted(name: str) -> str | None:
    """What speaks against the characters of a name, as a clause; None where nothing does."""
    return _told(_IN_NAMES.search(name))


def unwanted_in_file_name(name: str) -> str | None:
    """Likewise of a file's name, which must not look like another one."""
    return _told(_IN_FILE_NAMES.search(name))


def unstorable(text: str) -> str | None:
    """What keeps ``text`` out of a database, as a clause; None where nothing does."""
    return _told(re.search(f"[\0{_HALVES}]", text))


def printable(text: str) -> str:
    """``text`` for a message or a table: what harms there becomes U+FFFD, the rest stays as it is."""
    return _IN_FILE_NAMES.sub(lambda match: match[0] if match[0] in "\n\t" else "\ufffd", text)


def brief(text: str, longest: int = LONGEST_NAME) -> str:
    """Likewise, of at most so many characters: what lists and reports hold of names that a file brings along."""
    shown = printable(text[:longest])
    return shown if len(text) <= longest else shown[:-1] + "…"


def without_objects(text: str) -> str:
    """``text`` of a library's error, where it names the Python object that it read from: the file instead."""
    return _OBJECT.sub("the file", text)


def _told(match: re.Match[str] | None) -> str | None:
    if match is None:
        return None
    character = match[0]
    kind = next(
        words
        for known, words in _KINDS
        if (known == character if isinstance(known, str) else known.match(character))
    )
    return f"it holds U+{ord(character):04X}, {kind}"
