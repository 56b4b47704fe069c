"""Reads lists of plausible mistakes: what each changes, its consequence for a user, and the tests that must notice it."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

FOLDER = Path(__file__).parent

Text = Annotated[str, Field(min_length=1)]


class StaleError(ValueError):
    """The text that a mutation replaces does not occur exactly once in its file."""


class Mutation(BaseModel):
    """One mistake: a text in one file is replaced by another text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Text
    """The file's path relative to the root of the tree."""
    old: Text
    """The replaced text; it occurs exactly once in the file."""
    new: str
    why: Text
    """The consequence for a user."""
    tests: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Arguments of pytest: the fast tests that must notice the mistake."""

    @field_validator("file")
    @classmethod
    def _below_the_root(cls, file: str) -> str:
        if Path(file).is_absolute() or ".." in Path(file).parts:
            raise ValueError("file must be a path relative to the root of the tree")
        return file

    @model_validator(mode="after")
    def _changes_something(self) -> "Mutation":
        if self.old == self.new:
            raise ValueError("new equals old: nothing is changed")
        return self

    def apply(self, root: Path) -> str:
        """The mutated file's text.

        Raises:
            StaleError: there is no such file, or `old` does not occur exactly once in it.
        """
        try:
            text = (root / self.file).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise StaleError(f"there is no file {self.file}") from None
        if (found := text.count(self.old)) != 1:
            raise StaleError(f"the text occurs {found} times in {self.file}, not once: {self.old!r}")
        return text.replace(self.old, self.new)

    def line(self, root: Path) -> int:
        """The number of the first line of `old` in the file."""
        before, _, _ = (root / self.file).read_text(encoding="utf-8").partition(self.old)
        return before.count("\n") + 1


class _List(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mutation: list[Mutation]


def read(folder: Path = FOLDER) -> Iterator[tuple[Path, Mutation]]:
    """Every mutation of every list, with its list's file.

    Raises:
        pydantic.ValidationError, tomllib.TOMLDecodeError: a list is malformed.
    """
    for path in sorted(folder.glob("*.toml")):
        with path.open("rb") as file:
            content = tomllib.load(file)
        for mutation in _List.model_validate(content).mutation:
            yield path, mutation
