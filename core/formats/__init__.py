"""Reads documents, images and recordings from uploaded files, which may be compressed or archives.

Imports no torch, transformers or tokenizers, so that the control plane checks an upload with the same code that
training reads it with (docs/decisions/0001-formats-without-torch.md). `core.formats.image.images` reads images and
`core.formats.image.pixels` decodes them. Both are imported only where they are needed, because importing numpy and
Pillow takes 0.1 s.
"""

from core.formats.errors import FormatError, FormatErrorCode
from core.formats.limits import DEFAULT_LIMITS, IMAGE_LIMITS, Limits
from core.formats.names import KNOWN_FORMATS, MODALITY_KINDS, Compression, Format, Kind, detect, is_hidden
from core.formats.text.documents import read_documents, read_pieces, read_uploaded_tokenizer
from core.formats.text.inspection import FileReport, inspect_file
from core.formats.text.sources import Notes

__all__ = [
    "DEFAULT_LIMITS",
    "IMAGE_LIMITS",
    "KNOWN_FORMATS",
    "MODALITY_KINDS",
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
