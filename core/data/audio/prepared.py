"""Prepared recordings on disk: memory-mapped samples, where each recording lies, and ``meta.json``.

```
<key>/
  recordings.pcm                     int16, all recordings one behind the other, mono, at one sampling rate
  train.index   held_out.index       int64, shape (recordings, 4): first sample, samples, class, group; -1 for none
  meta.json                          written last
```
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.prepared import SkippedSample, SplitName
from core.spec.prepared import FORMATS

FORMAT = FORMATS["audio"]
META = "meta.json"
PCM = "recordings.pcm"
START, LENGTH, LABEL, GROUP = range(4)
FULL_SCALE = 32_767


@dataclass(frozen=True)
class PreparedAudio:
    """A dataset as samples; immutable, shared by every run that names it."""

    directory: Path
    key: str
    cached: bool
    """Whether it was there already."""
    sampling_rate: int
    """Hz."""
    recordings: int
    """In the training part."""
    recordings_held_out: int
    hours: float
    """Of the training part."""
    hours_held_out: float
    duplicates: int
    """Recordings dropped, because they were there before, byte for byte."""
    bad: int
    """Recordings left out, because they could not be had."""
    skipped: tuple[SkippedSample, ...]
    """The first of those."""
    classes: tuple[str, ...]
    """By folder; () where there are none."""
    groups: tuple[str, ...]
    """Who or what was recorded, by ``data.audio.group_pattern``; () where there are none."""
    statistics: dict[str, Any]
    """`core.formats.audio.statistics.SoundStatistics` over all of them, as they came."""

    @property
    def facts(self) -> dict[str, Any]:
        """What the ``prepared`` event tells."""
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
            "cached": self.cached,
        }

    def index(self, split: SplitName) -> NDArray[np.int64]:
        """Where a part's recordings lie, shape (recordings, 4): first sample, samples, class, group; mapped."""
        return _mapped(self.directory / f"{split}.index", np.dtype(np.int64)).reshape(-1, 4)

    def pcm(self) -> NDArray[np.int16]:
        """All samples, shape (samples,), mapped and not read; full scale is ±32767."""
        return _mapped(self.directory / PCM, np.dtype(np.int16))

    def recording(self, split: SplitName, number: int) -> NDArray[np.int16]:
        """The samples of one recording of a part."""
        start, length = self.index(split)[number, :2]
        return self.pcm()[start : start + length]

    def labels(self, split: SplitName) -> NDArray[np.int64]:
        """Each recording's class, shape (recordings,), -1 where it has none."""
        return self.index(split)[:, LABEL]

    def group_ids(self, split: SplitName) -> NDArray[np.int64]:
        """Each recording's group, shape (recordings,), -1 where it has none."""
        return self.index(split)[:, GROUP]


def write_meta(directory: Path, prepared: PreparedAudio) -> None:
    """Closes a prepared directory: the facts, and the size of every file in it."""
    facts = {name: value for name, value in asdict(prepared).items() if name not in {"directory", "cached"}}
    files = {path.name: path.stat().st_size for path in sorted(directory.iterdir())}
    document = {"format": FORMAT, **facts, "files": files}
    (directory / META).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def open_prepared(directory: Path) -> PreparedAudio | None:
    """The prepared data in a directory; None where there is none, or not whole."""
    try:
        meta = json.loads((directory / META).read_text(encoding="utf-8"))
        if meta.pop("format") != FORMAT:
            return None
        files = meta.pop("files")
        if any((directory / name).stat().st_size != size for name, size in files.items()):
            return None
        for name in ("classes", "groups"):
            meta[name] = tuple(meta[name])
        skipped = tuple(SkippedSample(**sample) for sample in meta.pop("skipped"))
        return PreparedAudio(directory=directory, cached=True, skipped=skipped, **meta)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _mapped(path: Path, dtype: np.dtype[Any]) -> NDArray[Any]:
    # An empty file cannot be mapped.
    return np.memmap(path, dtype, mode="r") if path.stat().st_size else np.empty(0, dtype)
