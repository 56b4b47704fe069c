"""Statistics of a set of recordings."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.formats.audio.decoding import Sound

SILENCE_FRAME_SECONDS = 0.02
_FRAMES_AT_ONCE = 4096
SILENCE_LEVEL = 1e-3
"""Root mean square of a frame below which it counts as silent: -60 dB of full scale."""


@dataclass
class SoundStatistics:
    """Sums of statistics over recordings."""

    recordings: int = 0
    seconds: float = 0.0
    shortest_seconds: float = 0.0
    longest_seconds: float = 0.0
    length_histogram: Counter[int] = field(default_factory=Counter)
    """Entry ``b`` counts the recordings of 2^(b-1) to 2^b tenths of a second; entry 0 those below one tenth."""
    sampling_rates: Counter[int] = field(default_factory=Counter)
    """Number of recordings of each sampling rate (Hz), before resampling."""
    channels: Counter[int] = field(default_factory=Counter)
    """Number of recordings with each number of channels, before mixing to mono."""
    silent_seconds: float = 0.0
    clipped_seconds: float = 0.0

    def add(self, sound: Sound) -> None:
        """Add one decoded recording."""
        seconds = sound.seconds
        self.shortest_seconds = min(self.shortest_seconds, seconds) if self.recordings else seconds
        self.longest_seconds = max(self.longest_seconds, seconds)
        self.recordings += 1
        self.seconds += seconds
        self.length_histogram[int(seconds * 10).bit_length()] += 1
        self.sampling_rates[sound.sampling_rate] += 1
        self.channels[sound.channels] += 1
        self.silent_seconds += silent_share(sound) * seconds
        self.clipped_seconds += sound.clipped / sound.sampling_rate

    @property
    def facts(self) -> dict[str, Any]:
        """The statistics as plain values for JSON."""
        entries = max(self.length_histogram, default=-1) + 1
        total = self.seconds or 1.0
        return {
            "recordings": self.recordings,
            "hours": self.seconds / 3600,
            "mean_seconds": self.seconds / max(1, self.recordings),
            "shortest_seconds": self.shortest_seconds,
            "longest_seconds": self.longest_seconds,
            "length_histogram": [self.length_histogram[entry] for entry in range(entries)],
            "sampling_rates": {str(rate): self.sampling_rates[rate] for rate in sorted(self.sampling_rates)},
            "channels": {str(number): self.channels[number] for number in sorted(self.channels)},
            "silent_share": self.silent_seconds / total,
            "clipped_share": self.clipped_seconds / total,
        }


def silent_share(sound: Sound) -> float:
    """Share of a recording's frames of 20 ms that are silent (0 … 1). A shorter last frame counts as one."""
    frame = max(1, round(SILENCE_FRAME_SECONDS * sound.sampling_rate))
    silent = frames = 0
    # In blocks, because the squares take 8 bytes a sample: more than 1 GB for an hour.
    for begin in range(0, len(sound.samples), frame * _FRAMES_AT_ONCE):
        samples = sound.samples[begin : begin + frame * _FRAMES_AT_ONCE]
        starts = np.arange(0, len(samples), frame)
        energy = np.add.reduceat(np.square(samples, dtype=np.float64), starts)
        lengths = np.diff(np.append(starts, len(samples)))
        silent += int((energy / lengths < SILENCE_LEVEL**2).sum())
        frames += len(starts)
    return silent / frames
