"""Lists of plausible mistakes: what each changes, what it would do to a user, and which tests must notice it."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

FOLDER = Path(__file__).parent

Text = Annotated[str, Field(min_length=1)]


class StaleError(ValueError):
    """The text that a mutation replaces does not stand exactly once in its file."""


class Mutation(BaseModel):
    """One mistake: a text of one file, replaced by another."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Text
    """Relative to the root."""
    old: Text
    """Stands exactly once in the file."""
    new: str
    why: Text
    """What would go wrong for a user."""
    tests: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Arguments of pytest: the fast tests that must notice it."""

    @field_validator("file")
    @classmethod
    def _below_the_root(cls, file: str) -> str:
        if Path(file).is_absolute() or ".." in Path(file).parts:
            raise ValueError("file is a path relative to the root")
        return file

    @model_validator(mode="after")
    def _changes_something(self) -> "Mutation":
        if self.old == self.new:
            raise ValueError("new is the same text as old: nothing is changed")
        return self

    def apply(self, root: Path) -> str:
        """The mutated file's text.

        Raises:
            StaleError: there is no such file, or `old` does not stand exactly once in it.
        """
        try:
            text = (root / self.file).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise StaleError(f"there is no file {self.file}") from None
        if (found := text.count(self.old)) != 1:
            raise StaleError(f"the text stands {found} times in {self.file}, not once: {self.old!r}")
        return text.replace(self.old, self.new)

    def line(self, root: Path) -> int:
        """The number of the first line that `old` is in."""
        before, _, _ = (root / self.file).read_text(encoding="utf-8").partition(self.old)
        return before.count("\n") + 1


class _List(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mutation: list[Mutation]


def read(folder: Path = FOLDER) -> Iterator[tuple[Path, Mutation]]:
    """Every mutation of every list, with its list's file.

    Raises:
        pydantic.ValidationError, tomllib.TOMLDecodeError: a list is not written as it should be.
    """
    for path in sorted(folder.glob("*.toml")):
        with path.open("rb") as file:
            content = tomllib.load(file)
        for mutation in _List.model_validate(content).mutation:
            yield path, mutation
