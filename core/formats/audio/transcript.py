"""One transcript of a recording, as a table has it."""

from dataclasses import dataclass

from core.formats.errors import Place, where


@dataclass(frozen=True, slots=True)
class Transcript:
    """One row of a table of transcripts."""

    recording: str
    """The recording, as the table names it."""
    text: str
    place: Place
    line: int
    held_out: bool | None
    """Whether the table marks the recording as held out; None where it says nothing."""

    @property
    def where(self) -> str:
        """File, member and line, for people."""
        return where(self.place, self.line)
