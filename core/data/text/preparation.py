"""Prepares a dataset of text: encoded to token ids once, stored on disk. See "Prepared data" in docs/engine-protocol.md."""

import random
import shutil
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
from core.data.text.labelled_preparation import LabelledPreparation
from core.data.text.pool import EncoderPool, process_count
from core.data.text.prepared import (
    SOURCE,
    TOKENIZER,
    PreparedText,
    SplitStatistics,
    open_prepared,
    write_meta,
)
from core.data.text.split import (
    HELD_OUT,
    TRAIN,
    Cut,
    Split,
    SplitSize,
    only_training,
    split,
    with_cut_measured,
)
from core.data.text.stages import Stages
from core.data.text.start_tokenizer import StartTokenizer
from core.data.text.survey import Records, survey
from core.data.text.tokenizer import PreparedTokenizer, load, load_unchanged
from core.data.text.training import passes, train
from core.data.text.writing import Position, TokenWriter, token_type
from core.formats.text.tokenizer_trial import SAMPLES, TokenizerTrialError, try_tokenizer
from core.spec.data import DataSpec
from core.spec.prepared import prepared_key

TOKENIZER_SAMPLE_CHARACTERS = 50_000_000
"""Characters that a tokenizer is trained on, at most. This bounds memory, because trainers keep every distinct word."""
TRIED_CHARACTERS = 100_000
"""Characters of the dataset on which an uploaded tokenizer is tried before it encodes everything."""
MODEL_MAX_LENGTH = 512
"""``model_max_length`` of the prepared tokenizer. In a checkpoint it is that of the model (``PreparedText.save_tokenizer``)."""
RECORD_CHARACTERS = 64_000_000
"""Characters between two records of how far tokenizing is: a killed preparation repeats at most so much."""

_SPLIT_NAMES = {TRAIN: "train", HELD_OUT: "held_out"}


def prepare(
    files: Sequence[DataFile],
    spec: DataSpec,
    cache: Path,
    *,
    on_progress: OnProgress | None = None,
    processes: int | None = None,
    start: StartTokenizer | None = None,
) -> PreparedText:
    """The dataset's prepared form in ``cache``. Prepared now if it is not there.

    With ``data.text.labels`` the labels are read too, one document a sample (`labelled_preparation`). Otherwise
    memory use does not grow with the dataset, except for 1 byte a document, and a preparation that was killed is resumed:
    finished stages are not repeated, and of the tokenizing at most the last `RECORD_CHARACTERS`.

    Args:
        processes: Number of tokenizing processes. Default: as many as are worth their start-up time. The result is the
            same to the byte for any number.
        start: The tokenizer for ``data.tokenizer.kind: checkpoint``.

    Raises:
        DataError: ``data_too_small``, ``data_unreadable``, ``pattern_too_slow``, ``tokenizer_invalid``.
        OSError: where ``cache`` cannot be written.
    """
    files = sorted(files, key=lambda file: (file.name, file.sha256))
    key = cache_key(files, spec, start)

    def build(directory: Path) -> None:
        preparation = _Preparation(directory, key, files, spec, on_progress, processes, start)
        if spec.text.labels is None:
            preparation.run()
        else:
            _with_labels(preparation, cache).run()

    labelled = spec.text.labels is not None
    prepared, cached = stored(cache, key, open_=open_prepared, build=build, resumable=not labelled)
    return replace(prepared, cached=cached, packing=spec.packing)


def cache_key(files: Sequence[DataFile], spec: DataSpec, start: StartTokenizer | None = None) -> str:
    """The key of the prepared data: a hash of everything that it depends on."""
    return prepared_key("text", spec, identities(files), start.identity if start else None)


@dataclass(frozen=True)
class _Preparation:
    """The three stages of a preparation: reading (measure and split the documents), training the tokenizer, tokenizing."""

    directory: Path
    key: str
    files: Sequence[DataFile]
    spec: DataSpec
    on_progress: OnProgress | None
    processes: int | None
    start: StartTokenizer | None

    def make_tokenizer(self, pretraining: Path) -> PreparedTokenizer:
        """Only make the tokenizer, or copy it from the data prepared for pretraining, if they are there."""
        if self.start is None:
            try:
                if open_prepared(pretraining) is not None:
                    shutil.copytree(pretraining / TOKENIZER, self.directory / TOKENIZER)
                    return load((self.directory / TOKENIZER / "tokenizer.json").read_bytes())
            except OSError:  # another process has just removed them
                shutil.rmtree(self.directory / TOKENIZER, ignore_errors=True)
        stages = Stages(self.directory)
        try:
            decided = self._split(stages)
        except DataError as error:
            if error.code != "data_too_small":
                raise
            # Too few documents for pretraining, so that no encoder needs the tokenizer of its training split.
            records = stages.directory / "records"
            survey(self._read(), records)
            decided = only_training(Records(records))
        tokenizer = self._tokenizer(stages, decided)
        stages.remove()
        return tokenizer

    def run(self) -> None:
        stages = Stages(self.directory)
        decided = self._split(stages)
        tokenizer = self._tokenizer(stages, decided)
        positions = self._tokenize(stages, decided, tokenizer)
        stages.remove()
        sizes = {
            which: SplitStatistics(size.documents, size.characters, size.bytes, positions[which].tokens)
            for which, size in ((TRAIN, decided.train), (HELD_OUT, decided.held_out))
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
            token_type=token_type(tokenizer.vocabulary_size).name,
            added_tokens=self.spec.tokenizer.add_tokens,
        )
        write_meta(self.directory, prepared)

    def _read(self, on_bytes: Callable[[int], None] = lambda _: None) -> Iterator[Piece]:
        return pieces(self.files, self.spec, on_bytes)

    def _split(self, stages: Stages) -> Split:
        decisions = stages.directory / "decisions"
        if facts := stages.facts("reading"):
            return Split(
                np.fromfile(decisions, np.uint8),
                SplitSize(**facts["train"]),
                SplitSize(**facts["held_out"]),
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
        if self.spec.tokenizer.kind == "checkpoint":
            return self._of_start(stages, decided)
        if stages.facts("training_tokenizer"):
            return load((directory / "tokenizer.json").read_bytes())
        if self.spec.tokenizer.kind == "uploaded":
            content = uploaded_tokenizer(self.files)
            self._try(content, decided)
            tokenizer = load(content)
        else:
            tokenizer = self._trained(decided)
        tokenizer.save(directory, MODEL_MAX_LENGTH)
        stages.finish("training_tokenizer", {"done": True}, *directory.iterdir())
        return tokenizer

    def _of_start(self, stages: Stages, decided: Split) -> PreparedTokenizer:
        start = self.start
        if start is None:
            raise DataError(
                "tokenizer_invalid",
                "data.tokenizer.kind is 'checkpoint', and no checkpoint was named",
                "Name it with --start, or choose a tokenizer that is trained, such as 'bpe'.",
                case="no_checkpoint",
            )
        done = stages.facts("training_tokenizer")
        if not done:
            self._try(start.content, decided)
        extended = start.with_tokens(self.spec.tokenizer.add_tokens)
        if not done:
            written: list[Path] = []
            for name, tokenizer in ((TOKENIZER, extended), (SOURCE, start)):
                tokenizer.write(self.directory / name)
                written += (self.directory / name).iterdir()
            stages.finish("training_tokenizer", {"done": True}, *written)
        return load_unchanged(extended.content, extended.declared)

    def _try(self, content: bytes, decided: Split) -> None:
        """
        Raises:
            DataError: no job can use the tokenizer.
        """
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
                "Correct the tokenizer, or choose a tokenizer that is trained on the data, such as 'bpe'.",
                **error.params,
            ) from None

    def _trained(self, decided: Split) -> PreparedTokenizer:
        # Once there is more text than the sample holds, each piece is taken with equal probability, for any position and length.
        share = min(1.0, TOKENIZER_SAMPLE_CHARACTERS / max(1, decided.train.characters))
        total = min(decided.train.characters, TOKENIZER_SAMPLE_CHARACTERS)
        progress = Progress(
            self.on_progress, "training_tokenizer", passes(self.spec.tokenizer) * total, "characters"
        )

        def sample() -> Iterator[str]:
            dice, left = random.Random(0), total  # noqa: S311 - not for cryptography; the same numbers each time
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
            **{name: Position() for name in _SPLIT_NAMES.values()},
        }
        dtype = token_type(tokenizer.vocabulary_size)
        total = decided.train.characters + decided.held_out.characters
        progress = Progress(self.on_progress, stage, total, "characters")
        progress.at(facts["characters"])
        recorded = facts["characters"]
        with ExitStack() as stack:
            writers = {
                which: stack.enter_context(
                    TokenWriter(
                        self.directory, name, dtype, tokenizer.special_ids.sep, Position(*facts[name])
                    )
                )
                for which, name in _SPLIT_NAMES.items()
            }
            picked = decided.pick(self._read(), TRAIN, HELD_OUT)
            for _ in range(facts["pieces"]):
                next(picked)
            processes = self.processes or process_count(total - facts["characters"])
            guarded = self.spec.tokenizer.is_given
            encoder: Encoder = (
                stack.enter_context(EncoderPool(tokenizer.tokenizer, dtype, processes, guarded=guarded))
                if processes > 1 or guarded
                else encode_here(tokenizer.tokenizer, dtype)
            )
            for done, characters in encode(encoder, picked, writers):
                facts["pieces"] += done
                facts["characters"] += characters
                progress.at(facts["characters"])
                if facts["characters"] >= recorded + RECORD_CHARACTERS:
                    recorded = facts["characters"]
                    positions = {_SPLIT_NAMES[which]: writer.position for which, writer in writers.items()}
                    written = (
                        self.directory / f"{name}.{end}" for name in positions for end in ("bin", "offsets")
                    )
                    stages.finish(stage, {**facts, **positions}, *written)
        progress.finish()
        return {which: writer.position for which, writer in writers.items()}


def _with_labels(preparation: _Preparation, cache: Path) -> LabelledPreparation:
    spec = preparation.spec
    without = spec.model_copy(update={"text": spec.text.model_copy(update={"labels": None})})
    pretraining = cache / cache_key(preparation.files, without, preparation.start)
    return LabelledPreparation(
        directory=preparation.directory,
        key=preparation.key,
        files=preparation.files,
        spec=spec,
        on_progress=preparation.on_progress,
        processes=preparation.processes,
        make_tokenizer=lambda: replace(preparation, spec=without).make_tokenizer(pretraining),
    )
