"""Text: documents are prepared as memory-mapped token ids, and packed into rows."""

from core.data.text.document_samples import DocumentSamples, document_samples
from core.data.text.packing import PackedSequences
from core.data.text.preparation import cache_key, prepare
from core.data.text.prepared import PreparedText, SplitStatistics, open_prepared
from core.data.text.sequences import BestFitSequences, PackingStatistics, sequences
from core.data.text.special import SpecialIds
from core.data.text.start_tokenizer import StartTokenizer

__all__ = [
    "BestFitSequences",
    "DocumentSamples",
    "PackedSequences",
    "PackingStatistics",
    "PreparedText",
    "SpecialIds",
    "SplitStatistics",
    "StartTokenizer",
    "cache_key",
    "document_samples",
    "open_prepared",
    "prepare",
    "sequences",
]
