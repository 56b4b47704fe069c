"""What `core.formats.published.inspection` finds in the files of a checkpoint, and the error for a file that is missing."""

from collections.abc import Mapping
from typing import Any

from core.formats.errors import FormatError

Report = Mapping[str, Any]
"""What was found in a file."""


def missing_file(file: str) -> FormatError:
    """The error for a checkpoint without a file that it needs."""
    return FormatError(
        "checkpoint_incomplete",
        f"{file} is missing; save the model with model.save_pretrained(DIRECTORY), its tokenizer or preprocessor "
        "likewise, and upload all files",
        "the checkpoint",
        case="file",
        missing=file,
    )
