"""Images: files are prepared as one memory-mapped array of bytes for each split, with class labels for evaluation."""

from core.data.image.preparation import cache_key, prepare
from core.data.image.prepared import PreparedImages, open_prepared
from core.data.image.samples import ImageSamples
from core.data.prepared import SkippedSample

__all__ = [
    "ImageSamples",
    "PreparedImages",
    "SkippedSample",
    "cache_key",
    "open_prepared",
    "prepare",
]
