"""A dataset becomes token ids, once: "Prepared data" in docs/engine-protocol.md."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from core.data.errors import DataError
from core.data.files import DataFile, identities
from core.data.memory import return_memory
from core.data.progress import OnProgress, Progress
from core.data.store import stored
from core.data.text.documents import Piece, pieces, uploaded_tokenizer
from core.data.text.encode import Encoder, encode, encode_here
from core.data.text.pool import EncoderPool, process_count
from core.data.text.prepared import (
    TOKENIZER,
    PreparedText,
    SplitStatistics,
    open_prepared,
    write_meta,
)
from core.data.text.split import HELD_OUT, TRAIN, Cut, Part, Split, split, with_cut_measured
from core.data.text.stages import Stages
from core.data.text.survey import Records, survey
from core.data.text.tokenizer import PreparedTokenizer, load
from core.data.text.training import passes, train
from core.data.text.writing import Position, TokenWriter
from core.formats.text.tokenizer_trial import SAMPLES, TokenizerTrialError, try_tokenizer
from core.spec.data import DataSpec
from core.spec.prepared import prepared_key

TOKENIZER_SAMPLE_CHARACTERS = 50_000_000
"""What a tokenizer is trained on at most: trainers keep every different word, so that this bounds their memory."""
TRIED_CHARACTERS = 100_000
"""Of the dataset's own text that an uploaded tokenizer is tried on, before all of it."""
MODEL_MAX_LENGTH = 512
"""In the prepared tokenizer; a checkpoint's own is its model's (``PreparedText.save_tokenizer``)."""
STAMP_CHARACTERS = 64_000_000
"""A preparation that is killed repeats at most so much of the tokenizing."""

_PARTS = {TRAIN: "train", HELD_OUT: "held_out"}


def prepare(
    files: Sequence[DataFile],
    spec: DataSpec,
    cache: Path,
    *,
    on_progress: OnProgress | None = None,
    processes: int | None = None,
) -> PreparedText:
    """The dataset's prepared form in ``cache``, made now where it is not there yet.

    Memory does not grow with the dataset but for a byte a document. A preparation that was killed goes on where it
    was: finished stages are not repeated, and of the tokenizing at most the last `STAMP_CHARACTERS`.

    Args:
        processes: that tokenize; by default as many as are worth starting. The result is the same, to the byte.

    Raises:
        DataError: ``data_too_small``, ``data_unreadable``, ``pattern_too_slow``, ``tokenizer_invalid``.
        OSError: where ``cache`` cannot be written.
    """
    files = sorted(files, key=lambda file: (file.name, file.sha256))
    key = cache_key(files, spec)
    prepared, cached = stored(
        cache,
        key,
        open_=open_prepared,
        build=lambda directory: _Preparation(directory, key, files, spec, on_progress, processes).run(),
        resumable=True,
    )
    return replace(prepared, cached=cached, packing=spec.packing)


def cache_key(files: Sequence[DataFile], spec: DataSpec) -> str:
    """Names the prepared form by all that it depends on."""
    return prepared_key("text", spec, identities(files))


@dataclass(frozen=True)
class _Preparation:
    """Three stages: reading (what is there, what is held out), training the tokenizer, tokenizing."""

    directory: Path
    key: str
    files: Sequence[DataFile]
    spec: DataSpec
    on_progress: OnProgress | None
    processes: int | None

    def run(self) -> None:
        stages = Stages(self.directory)
        decided = self._split(stages)
        tokenizer = self._tokenizer(stages, decided)
        positions = self._tokenize(stages, decided, tokenizer)
        stages.remove()
        sizes = {
            part: SplitStatistics(size.documents, size.characters, size.bytes, positions[part].tokens)
            for part, size in ((TRAIN, decided.train), (HELD_OUT, decided.held_out))
        }
        prepared = PreparedText(
            directory=self.directory,
            key=self.key,
            cached=False,
            train=sizes[TRAIN],
            held_out=sizes[HELD_OUT],
            duplicates=decided.duplicates,
            tokenizer_kind=self.spec.tokenizer.kind,
            vocabulary_size=tokenizer.vocabulary_size,
            special_ids=tokenizer.special_ids,
            token_type=_token_type(tokenizer).name,
        )
        write_meta(self.directory, prepared)

    def _read(self, on_bytes: Callable[[int], None] = lambda _: None) -> Iterator[Piece]:
        return pieces(self.files, self.spec, on_bytes)

    def _split(self, stages: Stages) -> Split:
        decisions = stages.directory / "decisions"
        if facts := stages.facts("reading"):
            return Split(
                np.fromfile(decisions, np.uint8),
                Part(**facts["train"]),
                Part(**facts["held_out"]),
                Cut(*facts["cut"]) if facts["cut"] else None,
            )
        progress = Progress(
            self.on_progress, "reading", sum(file.path.stat().st_size for file in self.files), "bytes"
        )
        records = stages.directory / "records"
        survey(self._read(progress.at), records)
        decided = with_cut_measured(split(Records(records), self.spec), self._read())
        records.unlink()
        decided.decisions.tofile(decisions)
        facts = {"train": asdict(decided.train), "held_out": asdict(decided.held_out), "cut": decided.cut}
        stages.finish("reading", facts, decisions)
        progress.finish()
        return decided

    def _tokenizer(self, stages: Stages, decided: Split) -> PreparedTokenizer:
        directory = self.directory / TOKENIZER
        if stages.facts("training_tokenizer"):
            return load((directory / "tokenizer.json").read_bytes())
        if self.spec.tokenizer.kind == "uploaded":
            tokenizer = self._uploaded(decided)
        else:
            tokenizer = self._trained(decided)
        tokenizer.save(directory, MODEL_MAX_LENGTH)
        stages.finish("training_tokenizer", {"done": True}, *directory.iterdir())
        return tokenizer

    def _uploaded(self, decided: Split) -> PreparedTokenizer:
        content = uploaded_tokenizer(self.files)
        texts, left = list(SAMPLES), TRIED_CHARACTERS
        for _, text, _ in decided.pick(self._read(), TRAIN):
            texts.append(text[:left])
            left -= len(texts[-1])
            if not left:
                break
        try:
            try_tokenizer(content, texts)
        except TokenizerTrialError as error:
            raise DataError(
                error.code,
                f"{error.message}.",
                "Correct the tokenizer, or choose one that is trained, such as 'bpe'.",
            ) from None
        return load(content)

    def _trained(self, decided: Split) -> PreparedTokenizer:
        # Past the sample's size every piece is as likely to be taken, whatever its place and its length.
        share = min(1.0, TOKENIZER_SAMPLE_CHARACTERS / max(1, decided.train.characters))
        total = min(decided.train.characters, TOKENIZER_SAMPLE_CHARACTERS)
        progress = Progress(
            self.on_progress, "training_tokenizer", passes(self.spec.tokenizer) * total, "characters"
        )

        def sample() -> Iterator[str]:
            dice, left = random.Random(0), total  # noqa: S311 - nothing secret, and every time the same
            for _, text, _ in decided.pick(self._read(), TRAIN):
                if dice.random() < share and len(text) <= left:
                    left -= len(text)
                    yield text
                    progress.add(len(text))

        tokenizer = train(self.spec.tokenizer, sample)
        return_memory()
        progress.finish()
        return tokenizer

    def _tokenize(self, stages: Stages, decided: Split, tokenizer: PreparedTokenizer) -> dict[int, Position]:
        stage = "tokenizing"
        facts = stages.facts(stage) or {
            "pieces": 0,
            "characters": 0,
            **{name: Position() for name in _PARTS.values()},
        }
        dtype = _token_type(tokenizer)
        total = decided.train.characters + decided.held_out.characters
        progress = Progress(self.on_progress, stage, total, "characters")
        progress.at(facts["characters"])
        stamped = facts["characters"]
        with ExitStack() as stack:
            writers = {
                part: stack.enter_context(
                    TokenWriter(
                        self.directory, name, dtype, tokenizer.special_ids.sep, Position(*facts[name])
                    )
                )
                for part, name in _PARTS.items()
            }
            picked = decided.pick(self._read(), TRAIN, HELD_OUT)
            for _ in range(facts["pieces"]):
                next(picked)
            processes = self.processes or process_count(total - facts["characters"])
            guarded = self.spec.tokenizer.kind == "uploaded"
            encoder: Encoder = (
                stack.enter_context(EncoderPool(tokenizer.tokenizer, dtype, processes, guarded=guarded))
                if processes > 1 or guarded
                else encode_here(tokenizer.tokenizer, dtype)
            )
            for done, characters in encode(encoder, picked, writers):
                facts["pieces"] += done
                facts["characters"] += characters
                progress.at(facts["characters"])
                if facts["characters"] >= stamped + STAMP_CHARACTERS:
                    stamped = facts["characters"]
                    positions = {_PARTS[part]: writer.position for part, writer in writers.items()}
                    written = (
                        self.directory / f"{name}.{end}" for name in positions for end in ("bin", "offsets")
                    )
                    stages.finish(stage, {**facts, **positions}, *written)
        progress.finish()
        return {part: writer.position for part, writer in writers.items()}


def _token_type(tokenizer: PreparedTokenizer) -> np.dtype[np.uint16 | np.uint32]:
    return np.dtype(np.uint16 if tokenizer.vocabulary_size <= 1 << 16 else np.uint32)
