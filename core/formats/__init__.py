"""Documents out of the files that people upload: text, JSON Lines, CSV and Parquet, compressed or zipped.

Imports no torch, transformers or tokenizers, so that the control plane can check an upload with the very
code that training will read it with (docs/decisions/0001-formats-without-torch.md).
"""

from core.formats.documents import Notes, read_documents, read_pieces, read_uploaded_tokenizer
from core.formats.errors import FormatError, FormatErrorCode
from core.formats.inspection import FileReport, inspect_file
from core.formats.limits import DEFAULT_LIMITS, Limits
from core.formats.names import KNOWN_FORMATS, Compression, Format, Kind, detect, is_hidden

__all__ = [
    "DEFAULT_LIMITS",
    "KNOWN_FORMATS",
    "Compression",
    "FileReport",
    "Format",
    "FormatError",
    "FormatErrorCode",
    "Kind",
    "Limits",
    "Notes",
    "detect",
    "inspect_file",
    "is_hidden",
    "read_documents",
    "read_pieces",
    "read_uploaded_tokenizer",
]
