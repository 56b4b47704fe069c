"""Which files of a version of a dataset a job reads. Pure; everything that gives a job its files uses it.

What follows from the files (the estimate, the files that a worker stages, the key of prepared data) is computed from the
selected ones, so it needs no rule of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from control.datasets.modalities import samples, vocabulary_of
from control.datasets.models import DatasetFile
from core.spec.data import Which


def selected(files: Sequence[DatasetFile], which: Which) -> list[DatasetFile]:
    """The files that ``data.files`` selects, in the same order.

    ``new`` also selects the parent's uploaded tokenizer, unless the version brings one: without it, a job with
    ``data.tokenizer.kind: uploaded`` could not read the new text. Labels and transcripts are not taken over, because they
    belong to recordings and images of the parent.
    """
    if which == "all":
        return list(files)
    own = any(_is_tokenizer(file) for file in files if not file.inherited)
    return [file for file in files if not file.inherited or (_is_tokenizer(file) and not own)]


def which_of(spec: Mapping[str, Any]) -> Which:
    """``data.files`` of a stored spec; ``all`` in a spec that was accepted before there were versions."""
    return cast("Which", spec.get("data", {}).get("files", "all"))


def _is_tokenizer(file: DatasetFile) -> bool:
    return vocabulary_of([file]) is not None and not samples(file.report)
