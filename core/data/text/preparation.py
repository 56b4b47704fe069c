"""A dataset becomes token ids, once: "Prepared data" in docs/engine-protocol.md."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.data.files import DataFile
from core.data.progress import OnProgress, Progress
from core.data.store import stored
from core.data.text.documents import documents, uploaded_tokenizer
from core.data.text.encode import TokenWriter, encode, pieces
from core.data.text.prepared import (
    FORMAT,
    TOKENIZER,
    PreparedText,
    SplitStatistics,
    open_prepared,
    write_meta,
)
from core.data.text.split import HELD_OUT, TRAIN, Part, Split, split
from core.data.text.tokenizer import PreparedTokenizer, load, train
from core.spec.data import DataSpec

TOKENIZER_SAMPLE_CHARACTERS = 200_000_000
MODEL_MAX_LENGTH = 512
"""In the prepared tokenizer; a checkpoint's own is its model's (``PreparedText.save_tokenizer``)."""


def prepare(
    files: Sequence[DataFile], spec: DataSpec, cache: Path, *, on_progress: OnProgress | None = None
) -> PreparedText:
    """The dataset's prepared form in ``cache``, made now where it is not there yet.

    Raises:
        DataError: ``data_too_small``, ``data_unreadable``, ``tokenizer_invalid``.
        OSError: where ``cache`` cannot be written.
    """
    files = sorted(files, key=lambda file: (file.name, file.sha256))
    key = cache_key(files, spec)
    prepared, cached = stored(
        cache,
        key,
        open_=open_prepared,
        build=lambda directory: _build(directory, key, files, spec, on_progress),
    )
    return replace(prepared, cached=cached)


def cache_key(files: Sequence[DataFile], spec: DataSpec) -> str:
    """Names the prepared form by all that it depends on."""
    document = {
        "format": FORMAT,
        "data": spec.model_dump(mode="json", include={"text_column", "tokenizer", "held_out_fraction"}),
        "files": sorted([file.name, file.sha256] for file in files),
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _build(
    directory: Path, key: str, files: Sequence[DataFile], spec: DataSpec, on_progress: OnProgress | None
) -> PreparedText:
    reading = Progress(on_progress, "reading", sum(file.path.stat().st_size for file in files), "bytes")
    decided = split(documents(files, spec.text_column, reading.at), spec.held_out_fraction)
    reading.finish()
    tokenizer = _tokenizer(files, spec, decided, on_progress)
    dtype = np.dtype(np.uint16 if tokenizer.vocabulary_size <= 1 << 16 else np.uint32)
    characters = decided.train.characters + decided.held_out.characters
    tokenizing = Progress(on_progress, "tokenizing", characters, "characters")
    with ExitStack() as stack:
        writers = {
            part: stack.enter_context(TokenWriter(directory, name, dtype, tokenizer.special_ids.sep))
            for part, name in ((TRAIN, "train"), (HELD_OUT, "held_out"))
        }
        chosen = decided.pick(documents(files, spec.text_column), TRAIN, HELD_OUT)
        for done in encode(tokenizer.tokenizer, chosen, writers):
            tokenizing.add(done)
    tokenizing.finish()
    tokenizer.save(directory / TOKENIZER, MODEL_MAX_LENGTH)
    prepared = PreparedText(
        directory=directory,
        key=key,
        cached=False,
        train=_statistics(decided.train, writers[TRAIN].tokens),
        held_out=_statistics(decided.held_out, writers[HELD_OUT].tokens),
        duplicates=decided.duplicates,
        tokenizer_kind=spec.tokenizer.kind,
        vocabulary_size=tokenizer.vocabulary_size,
        special_ids=tokenizer.special_ids,
        token_type=dtype.name,
    )
    write_meta(directory, prepared)
    return prepared


def _tokenizer(
    files: Sequence[DataFile], spec: DataSpec, decided: Split, on_progress: OnProgress | None
) -> PreparedTokenizer:
    if spec.tokenizer.kind == "uploaded":
        return load(uploaded_tokenizer(files))
    # Past the sample's size every document is weighed and each n-th character's worth is taken: evenly
    # spread, so that the order of the files does not decide the vocabulary.
    share = min(1.0, TOKENIZER_SAMPLE_CHARACTERS / max(1, decided.train.characters))
    passes = 2 if spec.tokenizer.kind == "wordpiece" else 1
    total = min(decided.train.characters, TOKENIZER_SAMPLE_CHARACTERS)
    progress = Progress(on_progress, "training_tokenizer", passes * total, "characters")

    def sample() -> Iterator[str]:
        credit = 0.0
        for _, document in decided.pick(documents(files, spec.text_column), TRAIN):
            credit += share * len(document)
            if credit >= len(document):
                credit -= len(document)
                yield from pieces(document)
                progress.add(len(document))

    tokenizer = train(spec.tokenizer, sample)
    progress.finish()
    return tokenizer


def _statistics(part: Part, tokens: int) -> SplitStatistics:
    return SplitStatistics(part.documents, part.characters, part.bytes, tokens)
