"""Writes docs/codes.md: every code of a message, with the names of its parameters. ``python -m tools.list_codes``"""

from collections import defaultdict

from tools.messages import ROOT, Message, messages

PAGE = ROOT / "docs" / "codes.md"
_HEAD = """\
# Codes of messages

Written by `python -m tools.list_codes` from the sources. A message that people read comes with a stable code and its parameters, so that a program can say it in
another language. Where a code has several sentences, the parameter `case` tells which one it is; each has a line here.

The page lists problems of requests and of their fields (`code`, `params`), failures of jobs (`failure.code`, `failure.details`), warnings, the
reasons of decisions, notes on files, and the problems of files. Events and waiting reasons are in [http.md](http.md). Errors of a field that are not
listed are [Pydantic's](https://docs.pydantic.dev/latest/errors/validation_errors/), with the parameters named there. Parameters marked with … are passed on from
another message.

| `code` | `case` | parameters |
|---|---|---|
"""


def page() -> str:
    """The page, for the sources as they are."""
    found: dict[tuple[str, str], list[Message]] = defaultdict(list)
    for message in messages():
        if message.code is not None:
            found[message.code, message.case or ""].append(message)
    lines = []
    for (code, case), several in sorted(found.items()):
        names = {name for one in several for name in one.names or ()} - {"case"}
        shown = [f"`{name}`" for name in sorted(names)]
        if any(one.names is None for one in several):
            shown.append("…")
        lines.append(f"| `{code}` | {f'`{case}`' if case else ''} | {', '.join(shown)} |")
    return _HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
