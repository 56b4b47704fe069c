"""Users' regular expressions, searched with RE2, which takes time linear in the text for every pattern.

RE2 (https://github.com/google/re2) has Python's syntax less what needs backtracking: no look-ahead or look-behind, no back
references. ``\\d``, ``\\w`` and ``\\s`` mean ASCII.
"""

from functools import lru_cache
from typing import Any

from core.spec.faults import SpecFault

GROUP = "group"
"""Name of the pattern's capturing group."""


@lru_cache(maxsize=64)
def compiled(pattern: str) -> Any:
    """The compiled pattern.

    Raises:
        ValueError: it is no regular expression of RE2, or takes too much memory.
    """
    import re2  # noqa: PLC0415 - few specs have a pattern

    options = re2.Options()
    options.log_errors = False  # otherwise RE2 writes them to standard error
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it cannot be read"
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise SpecFault(
            "invalid_pattern",
            f"is no regular expression of RE2 ({reason}), which has Python's syntax without look-around and back references",
            reason=reason,
        ) from None
    except UnicodeEncodeError:
        raise SpecFault(
            "string_unicode", "contains half of a surrogate pair, which is no character"
        ) from None


def check_group_pattern(pattern: str) -> str:
    """The pattern itself.

    Raises:
        ValueError: it is no regular expression, or has no capturing group named ``group``.
    """
    if GROUP not in compiled(pattern).groupindex:
        raise SpecFault(
            "pattern_without_group", "must name what it finds as group, as in _(?P<group>[a-z]+)_"
        )
    return pattern


def find_group(pattern: str | None, text: str) -> str | None:
    """The text that the pattern captures as ``group``; None if it does not match or the pattern is None."""
    if pattern is None:
        return None
    # A name in an archive may contain bytes that are no UTF-8; RE2 reads only UTF-8.
    match = compiled(pattern).search(text.encode("utf-8", "replace").decode())
    if match is None:
        return None
    found: str | None = match[GROUP]
    return found
