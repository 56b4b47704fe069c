"""Text: documents to memory-mapped token ids, packed into rows."""

from core.data.text.packing import PackedSequences
from core.data.text.preparation import cache_key, prepare
from core.data.text.prepared import PreparedText, SplitStatistics, open_prepared
from core.data.text.special import SpecialIds

__all__ = [
    "PackedSequences",
    "PreparedText",
    "SpecialIds",
    "SplitStatistics",
    "cache_key",
    "open_prepared",
    "prepare",
]
