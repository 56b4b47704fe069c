"""Text of people in Markdown: names of jobs, files, classes and datasets must not become markup."""

import re

from core.characters import printable

_MARKUP = re.compile(
    r"[\\`*\[\]<>#|~&!$@]"  # emphasis, links, HTML, tables, entities, formulas, mentions
    r"|(?<![^\W_])_|_(?![^\W_])"  # an underscore inside of a word is none
    r"|:(?=//)|(?<=www)\."  # links without brackets
)


def plain(text: str) -> str:
    """``text`` on one line, as a part of a line of Markdown, shown as it is: markup is written as character references.

    These hold in paragraphs, headings and cells of tables, for every reader of Markdown; backslashes and code spans do not.
    """
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", one_line(text)) or "&#8203;"


def one_line(text: str) -> str:
    """``text`` without line breaks, and with harmful characters as U+FFFD."""
    return " ".join(printable(text).split())


def fenced(text: str, language: str) -> str:
    """A block of code whose fence is longer than every run of backticks in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
