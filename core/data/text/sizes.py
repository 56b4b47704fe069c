"""The size of each document of a split, which bits per byte of single documents need."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data.files import DataFile
from core.data.prepared import SplitName
from core.data.text.documents import pieces
from core.data.text.split import HELD_OUT, TRAIN, split, with_cut_measured
from core.data.text.survey import Records, survey
from core.spec.data import DataSpec


def document_bytes(
    files: Sequence[DataFile], spec: DataSpec, directory: Path
) -> dict[SplitName, NDArray[np.int64]]:
    """Bytes in UTF-8 of each document of each split, in the order of the prepared tokens.

    The files are read once more, as their preparation read them. The tokenizer does not matter.

    Args:
        directory: An existing directory for a temporary file of 24 bytes for each document.

    Raises:
        DataError: as `core.data.text.preparation.prepare`.
    """
    files = sorted(files, key=lambda file: (file.name, file.sha256))
    path = directory / "records"
    survey(pieces(files, spec), path)
    records = Records(path)
    decided = with_cut_measured(split(records, spec), pieces(files, spec))
    sizes = np.concatenate(
        [np.empty(0, np.int64), *(chunk["bytes"].astype(np.int64) for _, chunk in records)]
    )
    path.unlink()
    held_out = sizes[decided.decisions == HELD_OUT]
    if decided.cut is not None:
        rest = decided.held_out.bytes - int(held_out.sum())
        sizes[decided.cut.document] -= rest
        held_out = np.concatenate([[rest], held_out])
    return {"train": sizes[decided.decisions == TRAIN], "held_out": held_out}
