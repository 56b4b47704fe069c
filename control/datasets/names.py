"""What a file in a dataset may be called: one path component that every file system takes."""

from control.errors import Invalid

LONGEST = 255
"""Bytes of UTF-8."""


def check_file_name(name: str) -> None:
    """
    Raises:
        Invalid: ``invalid_file_name``, saying what is wrong with it.
    """
    problem = _problem(name)
    if problem:
        raise Invalid(
            "invalid_file_name", f"A file cannot be called {name[:100]!r}: {problem}.", param="name"
        )


def _problem(name: str) -> str | None:
    rules = (
        (not name, "the name is empty"),
        (
            "/" in name or "\\" in name,
            "it is a path; files in a dataset lie side by side, so use the last part, or join the parts with '_'",
        ),
        (name.startswith("."), "names that begin with a dot are hidden, and hidden files are not read"),
        ("\N{REPLACEMENT CHARACTER}" in name, "it is not valid UTF-8"),
        (not name.isprintable(), "it holds control or invisible characters"),
        (name != name.strip(), "it begins or ends with a space"),
        (len(name.encode(errors="replace")) > LONGEST, f"it is longer than {LONGEST} bytes"),
    )
    return next((problem for broken, problem in rules if broken), None)
