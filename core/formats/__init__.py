"""Documents, images and recordings out of the files that people upload, compressed or in archives.

Imports no torch, transformers or tokenizers, so that the control plane can check an upload with the very
code that training will read it with (docs/decisions/0001-formats-without-torch.md). Images are read by `core.formats.image.images` and
decoded by `core.formats.image.pixels`, which are imported where they are needed: numpy and Pillow take a tenth of a second.
"""

from core.formats.errors import FormatError, FormatErrorCode
from core.formats.limits import DEFAULT_LIMITS, IMAGE_LIMITS, Limits
from core.formats.names import KNOWN_FORMATS, MODALITY_KINDS, Compression, Format, Kind, detect, is_hidden
from core.formats.text.documents import Notes, read_documents, read_pieces, read_uploaded_tokenizer
from core.formats.text.inspection import FileReport, inspect_file

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
