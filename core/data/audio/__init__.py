"""Audio: recordings are prepared as memory-mapped samples at one sampling rate, and cut into clips."""

from core.data.audio.preparation import cache_key, prepare
from core.data.audio.prepared import PreparedAudio, open_prepared
from core.data.audio.samples import AudioSamples, cut

__all__ = ["AudioSamples", "PreparedAudio", "cache_key", "cut", "open_prepared", "prepare"]
