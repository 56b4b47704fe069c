"""What the readers of tables share while one file is read, and what a person said of how to read it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from core.formats.dialect import Dialect
from core.formats.errors import Place
from core.formats.limits import Limits
from core.formats.notes import Note


@dataclass(frozen=True)
class ReadingOptions:
    """What was said at its upload of how a file is read; a job reads it likewise. None: what is found in the file."""

    column: str | None = None
    """That holds the samples, where the file is a table. What a job's spec names comes first."""
    delimiter: str | None = None
    """One character, between the fields of a CSV."""
    quote: str | None = None
    """Around the fields of a CSV: ``"``, ``'`` or `NO_QUOTE`."""

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> Self:
        """From what `facts` gave; fields that are not known are passed over."""
        known = cls.__dataclass_fields__
        return cls(**{name: value for name, value in (document or {}).items() if name in known})

    def facts(self) -> dict[str, Any]:
        """Those that were said, as JSON has them."""
        return {name: value for name, value in asdict(self).items() if value is not None}


AS_FOUND = ReadingOptions()
"""Nothing was said."""


class Reading:
    """What is wanted, the limits, and where reading is; takes note of what was used."""

    def __init__(
        self, place: Place, text_column: str | None, limits: Limits, options: ReadingOptions = AS_FOUND
    ) -> None:
        self.place = place
        self.text_column = text_column or options.column
        self.limits = limits
        self.options = options
        self.column_used: str | None = None
        self.dialect: Dialect | None = None
        self.notes: list[Note] = []

    def use_column(self, column: str) -> str:
        self.column_used = column
        return column

    def use_dialect(self, dialect: Dialect) -> None:
        self.dialect = dialect
