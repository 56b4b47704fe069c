"""From a dataset's files to batches of token ids. Imports no torch."""

from core.data.errors import DataError
from core.data.files import DataFile, data_files
from core.data.packing import PackedSequences
from core.data.preparation import cache_key, prepare
from core.data.prepared import PreparedText, SplitStatistics, open_prepared
from core.data.sampling import sample_indices
from core.data.special import SpecialIds

__all__ = [
    "DataError",
    "DataFile",
    "PackedSequences",
    "PreparedText",
    "SpecialIds",
    "SplitStatistics",
    "cache_key",
    "data_files",
    "open_prepared",
    "prepare",
    "sample_indices",
]
