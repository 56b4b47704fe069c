"""The transcripts of prepared recordings, stored beside them.

```
<key>/
  train.transcripts   held_out.transcripts   JSON Lines: the transcript of each recording of the index, or null
```
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from core.data.errors import DataError
from core.data.prepared import SPLITS, SplitName

ORPHANS_NAMED = 100


@dataclass(frozen=True)
class TranscriptFacts:
    """What is known about the transcripts of a dataset."""

    with_transcript: int
    """Recordings with a transcript, of both splits."""
    without_transcript: int
    orphans: int
    """Transcripts whose recording is not in the dataset."""
    first_orphans: tuple[tuple[str, str], ...]
    """Where the first of them are (file and line), and how they name their recordings."""
    repeated: int
    """Rows that repeat an earlier one."""
    characters: int
    words: int
    tables: tuple[str, ...]
    """Tables that were left out because they have no column of transcripts or of recordings, with their columns."""
    alphabet: tuple[str, ...] = ()
    """The outputs of the checkpoint that these data are read for, in order; () where they are made from the transcripts."""
    without_at: tuple[str, ...] = ()
    """Paths of the first recordings without a transcript."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """The facts made from their document in ``meta.json``."""
        lists = {name: tuple(document.get(name, ())) for name in ("tables", "alphabet", "without_at")}
        orphans = tuple((str(where), str(name)) for where, name in document["first_orphans"])
        return cls(**{**document, **lists, "first_orphans": orphans})

    @classmethod
    def of_alphabet(cls, alphabet: Iterable[str]) -> Self:
        """The facts of no data, but of the outputs of a network, in order."""
        return cls(0, 0, 0, (), 0, 0, 0, (), tuple(alphabet))

    @property
    def facts(self) -> dict[str, Any]:
        """Their fields of the ``prepared`` event."""
        names = ("with_transcript", "without_transcript", "characters", "words")
        return {name: value for name, value in asdict(self).items() if name in names} | {
            "transcripts_without_recording": self.orphans,
            "transcripts_repeated": self.repeated,
        }

    def check(self, missing: Literal["refuse", "skip"]) -> None:
        """
        Args:
            missing: ``data.on_missing_label``.

        Raises:
            DataError: ``transcripts_missing`` where no recording has one; ``transcript_without_recording`` with ``refuse``.
        """
        if not self.with_transcript and not self.orphans:
            raise DataError(
                "transcripts_missing",
                "No recording has a transcript"
                + (f"; these tables have none: {'; '.join(self.tables[:3])}" if self.tables else ""),
                "Add a table (CSV, TSV, JSON Lines or Parquet) with a column that names the recording and one with its transcript, "
                "or set data.audio.file_column and data.audio.transcript_column.",
                tables=list(self.tables[:3]),
            )
        if self.orphans and (missing == "refuse" or not self.with_transcript):
            where, name = self.first_orphans[0]
            total = self.with_transcript + self.orphans
            raise DataError(
                "transcript_without_recording",
                f"{self.orphans:,} of {total:,} transcripts name no recording of the dataset, first {where}: {name!r}",
                "Add the recordings, correct their names, or set data.on_missing_label to skip.",
                orphans=self.orphans,
                transcripts=total,
                where=where,
                recording=name,
            )


def write_transcripts(directory: Path, texts: Sequence[str | None], held_out: Sequence[bool]) -> None:
    """Write the transcripts of both splits.

    Args:
        texts: Of each recording that is kept, in order.
        held_out: Whether each is held out.
    """
    for split in SPLITS:
        chosen = (t for t, out in zip(texts, held_out, strict=True) if out == (split == "held_out"))
        lines = "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in chosen)
        _file(directory, split).write_text(lines, encoding="utf-8")


def read_transcripts(directory: Path, split: SplitName) -> list[str | None]:
    """The transcripts of a split's recordings, in the order of its index."""
    # Only "\n" ends a line here: a transcript may contain other line separators of Unicode.
    content = _file(directory, split).read_text(encoding="utf-8")
    return [json.loads(line) for line in content.split("\n") if line]


def characters_in(checkpoint: Path) -> tuple[str, ...]:
    """The characters that the recogniser of speech in a directory writes, in the order of its outputs; () if it has none.

    Raises:
        OSError, ValueError: its vocabulary cannot be read.
    """
    path = checkpoint / "vocab.json"
    if not path.is_file():
        return ()
    numbers: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    return tuple(sorted(numbers, key=lambda token: numbers[token]))


def _file(directory: Path, split: SplitName) -> Path:
    return directory / f"{split}.transcripts"
