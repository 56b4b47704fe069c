"""Prepared recordings on disk: memory-mapped samples, the position of each recording, and ``meta.json``.

```
<key>/
  recordings.pcm                     int16, all recordings one after the other, mono, at one sampling rate
  train.index   held_out.index       int64, shape (recordings, 4): first sample, samples, class, group; -1 for none
  meta.json                          written last
```

Where transcripts are read there are also those of `core.data.audio.transcripts`.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.audio.transcripts import TranscriptFacts, read_transcripts
from core.data.label_places import LabelPlaces
from core.data.prepared import SkippedSample, SplitName
from core.spec.prepared import FORMATS

FORMAT = FORMATS["audio"]
META = "meta.json"
PCM = "recordings.pcm"
START, LENGTH, LABEL, GROUP = range(4)
FULL_SCALE = 32_767


@dataclass(frozen=True)
class PreparedAudio:
    """A dataset as audio samples. Immutable; all runs with the same data share it."""

    directory: Path
    key: str
    cached: bool
    """Whether it was there already."""
    sampling_rate: int
    """Sampling rate, Hz."""
    recordings: int
    """Recordings in the training split."""
    recordings_held_out: int
    hours: float
    """Duration of the training split, hours."""
    hours_held_out: float
    duplicates: int
    """Recordings dropped as exact copies of an earlier one."""
    bad: int
    """Recordings left out because they could not be read or decoded."""
    skipped: tuple[SkippedSample, ...]
    """The first of those."""
    classes: tuple[str, ...]
    """Class names by folder; () where there are none."""
    groups: tuple[str, ...]
    """Names of speakers or sources, by ``data.audio.group_pattern``; () where there are none."""
    statistics: dict[str, Any]
    """`core.formats.audio.statistics.SoundStatistics` of all recordings, before resampling."""
    transcript_facts: TranscriptFacts | None = None
    """None where transcripts were not read."""
    label_places: LabelPlaces = field(default_factory=LabelPlaces)

    @property
    def facts(self) -> dict[str, Any]:
        """The fields of the ``prepared`` event."""
        return {
            "recordings": self.recordings,
            "recordings_held_out": self.recordings_held_out,
            "hours": self.hours,
            "hours_held_out": self.hours_held_out,
            "sampling_rate": self.sampling_rate,
            "duplicates": self.duplicates,
            "bad": self.bad,
            "skipped": [asdict(sample) for sample in self.skipped],
            "classes": len(self.classes),
            "groups": len(self.groups),
            "groups_held_out": len({*self.group_ids("held_out").tolist()} - {-1}),
            **(self.transcript_facts.facts if self.transcript_facts else {}),
            "cached": self.cached,
        }

    def index(self, split: SplitName) -> NDArray[np.int64]:
        """The positions of a split's recordings, shape (recordings, 4): first sample, samples, class, group. Memory-mapped."""
        return _mapped(self.directory / f"{split}.index", np.dtype(np.int64)).reshape(-1, 4)

    def pcm(self) -> NDArray[np.int16]:
        """All audio samples, shape (samples,), memory-mapped. Full scale is ±32767."""
        return _mapped(self.directory / PCM, np.dtype(np.int16))

    def recording(self, split: SplitName, number: int) -> NDArray[np.int16]:
        """The audio samples of one recording of a split."""
        start, length = self.index(split)[number, :2]
        return self.pcm()[start : start + length]

    def labels(self, split: SplitName) -> NDArray[np.int64]:
        """Each recording's class, shape (recordings,), -1 where it has none."""
        return self.index(split)[:, LABEL]

    def transcripts(self, split: SplitName) -> list[str | None]:
        """Each recording's transcript as the data give it, None where it has none; only where transcripts were read."""
        return read_transcripts(self.directory, split)

    def group_ids(self, split: SplitName) -> NDArray[np.int64]:
        """Each recording's group, shape (recordings,), -1 where it has none."""
        return self.index(split)[:, GROUP]


def write_meta(directory: Path, prepared: PreparedAudio) -> None:
    """Complete a prepared directory: write the facts, and the size of every file in it."""
    facts = {name: value for name, value in asdict(prepared).items() if name not in {"directory", "cached"}}
    if prepared.transcript_facts is None:
        del facts["transcript_facts"]
    files = {path.name: path.stat().st_size for path in sorted(directory.iterdir())}
    document = {"format": FORMAT, **facts, "files": files}
    (directory / META).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def open_prepared(directory: Path) -> PreparedAudio | None:
    """The prepared data in a directory. None where there is none, or it is incomplete."""
    try:
        meta = json.loads((directory / META).read_text(encoding="utf-8"))
        if meta.pop("format") != FORMAT:
            return None
        files = meta.pop("files")
        if any((directory / name).stat().st_size != size for name, size in files.items()):
            return None
        for name in ("classes", "groups"):
            meta[name] = tuple(meta[name])
        if "transcript_facts" in meta:
            meta["transcript_facts"] = TranscriptFacts.of(meta["transcript_facts"])
        meta["label_places"] = LabelPlaces.of(meta.get("label_places"))
        skipped = tuple(SkippedSample(**sample) for sample in meta.pop("skipped"))
        return PreparedAudio(directory=directory, cached=True, skipped=skipped, **meta)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _mapped(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    # An empty file cannot be memory-mapped.
    return np.memmap(path, dtype, mode="r") if path.stat().st_size else np.empty(0, dtype)
