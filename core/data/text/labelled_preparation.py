"""Prepares a dataset of text with labels, for tasks that learn from them. See "Prepared data" in docs/engine-protocol.md.

A sample is one document. The tokenizer is the one that pretraining on the same data has, so that an encoder that was
pretrained on them fits: it is trained on the training split of pretraining.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.data.errors import unreadable
from core.data.files import DataFile, layout_of, read_each
from core.data.prepared import SplitName
from core.data.progress import OnProgress, Progress
from core.data.text.documents import PIECE_CHARACTERS, Piece, recut
from core.data.text.encode import Encoder, encode, encode_here
from core.data.text.gathering import Gathered, require_seen, sentence_tags
from core.data.text.labels import LabelFacts, classes_of, write_labels
from core.data.text.pool import EncoderPool, process_count
from core.data.text.prepared import PreparedText, SplitStatistics, write_meta
from core.data.text.split import DUPLICATE, HELD_OUT, TRAIN, Picked, Split
from core.data.text.tokenizer import PreparedTokenizer
from core.data.text.word_tags import TagWriter, tag_numbers, tags_in
from core.data.text.writing import Position, TokenWriter, Writer, token_type
from core.formats import FormatError
from core.formats.text.labelled import LabelledText, read_labelled
from core.formats.text.tag_schemes import Scheme
from core.spec.data import DataSpec

_REPORT_SAMPLES = 256
_SPLITS: Mapping[int, SplitName] = {TRAIN: "train", HELD_OUT: "held_out"}


@dataclass(frozen=True)
class LabelledPreparation:
    """Reads the labels, decides the split, and encodes each document.

    Args:
        make_tokenizer: Writes the tokenizer of pretraining into ``directory``.
    """

    directory: Path
    key: str
    files: Sequence[DataFile]
    spec: DataSpec
    on_progress: OnProgress | None
    processes: int | None
    make_tokenizer: Callable[[], PreparedTokenizer]

    def run(self) -> None:
        gathered = self._gather()
        decided, conflicts = gathered.decide(self.spec.held_out_fraction)
        facts = self._facts(gathered, decided, conflicts)
        require_seen(gathered, decided)
        tokenizer = self.make_tokenizer()
        if gathered.kind == "tags":
            positions = self._tag(gathered, decided, tokenizer, facts)
        else:
            positions = self._tokenize(decided, tokenizer)
            for which, name in _SPLITS.items():
                codes = gathered.codes[decided.decisions == which]
                write_labels(self.directory, name, facts, gathered.labels, codes)
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
            label_facts=facts,
            added_tokens=self.spec.tokenizer.add_tokens,
        )
        write_meta(self.directory, prepared)

    def _samples(self, on_bytes: Callable[[int], None] = lambda _: None) -> Iterator[LabelledText]:
        layout = layout_of(self.files, "text")

        def read(file: DataFile, stream: BinaryIO) -> Iterator[LabelledText]:
            return read_labelled(
                stream,
                file.name,
                self.spec.text,
                text_column=self.spec.text_column,
                options=file.reading,
                layout=layout,
            )

        return read_each(self.files, read, on_bytes, every=_REPORT_SAMPLES)

    def _pieces(self) -> Iterator[Piece]:
        return recut(((sample.text, True) for sample in self._samples()), PIECE_CHARACTERS)

    def _gather(self) -> Gathered:
        total = sum(file.path.stat().st_size for file in self.files)
        progress = Progress(self.on_progress, "reading", total, "bytes")
        assert self.spec.text.labels is not None
        gathered = Gathered(self.spec.text.labels)
        for sample in self._samples(progress.at):
            gathered.add(sample)
        progress.finish()
        return gathered

    def _tokenize(self, decided: Split, tokenizer: PreparedTokenizer) -> dict[int, Position]:
        with ExitStack() as stack:
            writers = self._writers(stack, tokenizer)
            encoder = self._encoder(stack, tokenizer, decided)
            self._encode(encoder, decided.pick(self._pieces(), TRAIN, HELD_OUT), writers, decided)
        return {which: writer.position for which, writer in writers.items()}

    def _tag(
        self, gathered: Gathered, decided: Split, tokenizer: PreparedTokenizer, facts: LabelFacts
    ) -> dict[int, Position]:
        assert facts.scheme is not None
        numbers = tag_numbers(sentence_tags(gathered.labels), facts.scheme, facts.classes)
        with ExitStack() as stack:
            tokens = self._writers(stack, tokenizer)
            writers = {
                which: TagWriter(tokens[which], self.directory, name, numbers)
                for which, name in _SPLITS.items()
            }

            def picked() -> Iterator[Picked]:
                for decision, sentence in zip(decided.decisions.tolist(), self._samples(), strict=True):
                    if decision in writers:
                        writers[decision].expect(sentence)
                        yield Picked(decision, sentence.text, ends=True)

            encoder = self._encoder(stack, tokenizer, decided, spans=True)
            self._encode(encoder, picked(), writers, decided)
            for writer in writers.values():
                writer.finish()
        return {which: writer.position for which, writer in tokens.items()}

    def _writers(self, stack: ExitStack, tokenizer: PreparedTokenizer) -> dict[int, TokenWriter]:
        dtype, separator = token_type(tokenizer.vocabulary_size), tokenizer.special_ids.sep
        return {
            which: stack.enter_context(TokenWriter(self.directory, name, dtype, separator, Position()))
            for which, name in _SPLITS.items()
        }

    def _encoder(
        self, stack: ExitStack, tokenizer: PreparedTokenizer, decided: Split, *, spans: bool = False
    ) -> Encoder:
        processes = self.processes or process_count(decided.train.characters + decided.held_out.characters)
        # Positions of characters may need more bits than ids.
        dtype = np.dtype(np.uint32) if spans else token_type(tokenizer.vocabulary_size)
        guarded = self.spec.tokenizer.is_given
        if processes > 1 or guarded:
            pool = EncoderPool(tokenizer.tokenizer, dtype, processes, guarded=guarded, spans=spans)
            return stack.enter_context(pool)
        return encode_here(tokenizer.tokenizer, dtype, spans=spans)

    def _encode(
        self, encoder: Encoder, picked: Iterable[Picked], writers: Mapping[int, Writer], decided: Split
    ) -> None:
        total = decided.train.characters + decided.held_out.characters
        progress, done = Progress(self.on_progress, "tokenizing", total, "characters"), 0
        for _, characters in encode(encoder, picked, writers):
            done += characters
            progress.at(done)
        progress.finish()

    def _facts(self, gathered: Gathered, decided: Split, conflicts: NDArray[np.int64]) -> LabelFacts:
        unlabelled = np.flatnonzero((decided.decisions != DUPLICATE) & (gathered.codes < 0))
        scheme: Scheme | None = None
        classes: tuple[str, ...] = ()
        if gathered.kind == "tags":
            scheme = self._scheme(gathered)
            classes = tags_in(sentence_tags(gathered.labels))
        elif gathered.kind != "number":
            classes = classes_of(gathered.labels)
        return LabelFacts(
            kind=gathered.kind,
            classes=classes,
            unlabelled=len(unlabelled),
            unlabelled_at=gathered.places(unlabelled),
            conflicts=len(conflicts),
            conflicts_at=gathered.places(conflicts),
            own_split=gathered.own_split,
            scheme=scheme,
        )

    def _scheme(self, gathered: Gathered) -> Scheme:
        try:
            return gathered.census.settled()
        except FormatError as error:
            raise unreadable(error) from error
