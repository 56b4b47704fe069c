"""Chooses the example documents of a file that the dashboard shows, while the file is read."""

from dataclasses import dataclass

DOCUMENTS = 100
LONG_DOCUMENTS = 5
LONG_CHARACTERS = 20_000
SHORT_CHARACTERS = 500


@dataclass(frozen=True)
class TextExample:
    """The beginning of one document."""

    text: str
    """The first characters of the document."""
    characters: int
    """Length of the whole document."""


class TextExamples:
    """A file's first 100 documents: of each of the first 5 at most 20,000 characters, of each of the others 500."""

    def __init__(self) -> None:
        self.examples: list[TextExample] = []

    @property
    def full(self) -> bool:
        """Whether there are enough examples."""
        return len(self.examples) >= DOCUMENTS

    def add(self, document: str) -> None:
        """Add the next document, unless there are enough."""
        if self.full:
            return
        most = LONG_CHARACTERS if len(self.examples) < LONG_DOCUMENTS else SHORT_CHARACTERS
        self.examples.append(TextExample(document[:most], len(document)))
