"""The blocks of code of docs/deploying.md, by the heading above them."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

PAGE = Path(__file__).parents[3] / "docs" / "deploying.md"


def blocks() -> dict[str, list[tuple[str, str]]]:
    """Heading → (language, code) of its blocks, in their order."""
    found: dict[str, list[tuple[str, str]]] = {}
    tokens = MarkdownIt("commonmark").parse(PAGE.read_text(encoding="utf-8"))
    heading = ""
    for before, token in pairwise(tokens):
        if before.type == "heading_open":
            heading = token.content
        elif token.type == "fence":
            found.setdefault(heading, []).append((token.info, token.content))
    return found


def run(code: str) -> dict[str, Any]:
    """Run a block as it stands, in the current directory; gives its variables."""
    variables: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), variables)
    return variables
