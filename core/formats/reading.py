"""What the readers of tables share while one file is read, and what a person said of how to read it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from core.formats.errors import Place
from core.formats.limits import Limits


@dataclass(frozen=True)
class ReadingOptions:
    """What was said at its upload of how a file is read; a job reads it likewise. None: what is found in the file."""

    column: str | None = None
    """That holds the samples, where the file is a table. What a job's spec names comes first."""

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
    """The wish for a column, the limits, and where reading is; takes note of the column used."""

    def __init__(self, place: Place, text_column: str | None, limits: Limits) -> None:
        self.place = place
        self.text_column = text_column
        self.limits = limits
        self.column_used: str | None = None

    def use_column(self, column: str) -> str:
        self.column_used = column
        return column
