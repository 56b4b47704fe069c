"""The documents of a file that people are shown, chosen while it is read."""

from dataclasses import dataclass

DOCUMENTS = 100
LONG_DOCUMENTS = 5
LONG_CHARACTERS = 20_000
SHORT_CHARACTERS = 500


@dataclass(frozen=True)
class TextExample:
    """One document."""

    text: str
    """How it begins."""
    characters: int
    """Length of the whole."""


class TextExamples:
    """A file's first 100 documents: of the first 5 at most 20,000 characters each, of the others 500."""

    def __init__(self) -> None:
        self.examples: list[TextExample] = []

    @property
    def full(self) -> bool:
        """Whether no more are taken."""
        return len(self.examples) >= DOCUMENTS

    def add(self, document: str) -> None:
        """Take the next document, where there is room."""
        if self.full:
            return
        most = LONG_CHARACTERS if len(self.examples) < LONG_DOCUMENTS else SHORT_CHARACTERS
        self.examples.append(TextExample(document[:most], len(document)))
