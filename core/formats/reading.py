"""What the readers of tables share while one file is read."""

from core.formats.errors import Place
from core.formats.limits import Limits


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
