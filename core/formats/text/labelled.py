"""Reads texts with their labels from an uploaded file of any supported format.

A row of a table is a sample; its label is in a column. A plain text file is one sample; its label is its folder.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from core.formats.containers.layout import HELD_OUT_NAMES, SPLIT_NAMES, Layout, named_split
from core.formats.errors import FormatErrorCode, Place, printable, where
from core.formats.labels import parse_path
from core.formats.limits import DEFAULT_LIMITS, Limits
from core.formats.names import Kind
from core.formats.tables.reading import AS_FOUND, ReadingOptions
from core.formats.text.column_files import Sentence
from core.formats.text.column_texts import open_text, read_sentences, words_as_text
from core.formats.text.label_values import Label, LabelFault, label_of
from core.formats.text.sources import Notes, TableOptions, TextSource, sources
from core.formats.text.tables import table_rows
from core.formats.text.tag_schemes import is_tag
from core.spec.text_data import LABEL_COLUMNS, TextDataSpec

_TEXTS = {Kind.TEXT, Kind.CONLL}
_TRAINED_ON = SPLIT_NAMES - HELD_OUT_NAMES
_CODES: Mapping[Kind, FormatErrorCode] = {
    Kind.CSV: "bad_csv",
    Kind.JSONL: "bad_json",
    Kind.PARQUET: "bad_parquet",
}


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One sample."""

    text: str
    place: Place
    line: int | None
    """Line of the file (of Parquet, the row) that it ends in; None for a whole file."""
    label: Label | None
    """None where the sample has none."""
    held_out: bool
    """Whether the data marks it as held out."""
    words: tuple[str, ...] = ()
    """Of a sentence with tags: its words. They are the text, joined by blanks, and the label is their tags."""

    @property
    def where(self) -> str:
        """File, member and line, for people."""
        return where(self.place, self.line)


def read_labelled(
    stream: BinaryIO,
    name: str,
    spec: TextDataSpec,
    *,
    text_column: str | None = None,
    options: ReadingOptions = AS_FOUND,
    layout: Layout | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[LabelledText]:
    """The samples in a file, in order, without those of only whitespace.

    Args:
        spec: ``labels`` is set. With ``tags`` a sample is a sentence of a file in CoNLL layout.
        layout: Of the folders that contain the dataset's plain text files.

    Raises:
        FormatError: as `read_documents` does; also for a label or a split that cannot be read, with its line; and
            ``no_label_column``.
    """
    notes = Notes()
    for source in sources(stream, name, TableOptions(text_column, options, spec.columns), limits, notes):
        for sample in _samples(source, spec, layout):
            if sample.text and not sample.text.isspace():
                yield sample


def _samples(source: TextSource, spec: TextDataSpec, layout: Layout | None) -> Iterator[LabelledText]:
    if source.format.kind is Kind.TOKENIZER:
        return iter(())
    if spec.labels == "tags":
        return _sentences(source)
    return _file(source, spec, layout) if source.format.kind in _TEXTS else _rows(source, spec)


def _sentences(source: TextSource) -> Iterator[LabelledText]:
    place, kind = source.reading.place, source.format.kind
    texts = open_text(source) if kind in _TEXTS else iter(())
    if not source.reading.in_columns:
        raise place.error(
            "bad_columns",
            "holds no words with tags: its first lines are not in CoNLL layout, one word a line with its tag. Remove the file "
            "from the dataset, or set data.text.columns",
            case="no_columns",
        )
    held_out = table_is_held_out(place)
    for sentence in read_sentences(source, texts, tags=True):
        if sentence.tags is not None:
            check_tags(sentence, place)
        yield LabelledText(
            " ".join(sentence.words), place, sentence.line, sentence.tags, held_out, words=sentence.words
        )


def check_tags(sentence: Sentence, place: Place) -> None:
    """
    Raises:
        FormatError: ``bad_tags`` with the line, where a tag is of no scheme.
    """
    for number, tag in enumerate(sentence.tags or ()):
        if not is_tag(tag):
            raise place.error(
                "bad_tags",
                f"line {sentence.line + number:,}: {printable(tag[:60])!r} is no tag; tags are O, or B, I, E or S (also L, U and "
                "M), a hyphen and the type, as B-person. If another column has the tags, set data.text.columns.tag",
                line=sentence.line + number,
                tag=tag[:60],
            )


def table_is_held_out(place: Place) -> bool:
    """Whether the name of a table, of a folder or, if neither names a split, of the archive marks it as held out."""
    split = named_split(place.member or "") or named_split(place.file)
    return split in HELD_OUT_NAMES


def _file(source: TextSource, spec: TextDataSpec, layout: Layout | None) -> Iterator[LabelledText]:
    place = source.reading.place
    texts = open_text(source)
    if source.reading.in_columns:
        # Files in this layout have tags, and no label of the whole.
        for document in words_as_text(source, texts):
            yield LabelledText(document, place, None, None, table_is_held_out(place))
        return
    text = "".join(_within(texts, source))
    if place.member is not None:
        folder, held_out = source.layout.place(place.file, place.member)
    else:
        folder, held_out = layout.place(place.file) if layout else parse_path(place.file)
    yield LabelledText(text, place, None, _label(folder, spec, place, "its folder", "bad_label"), held_out)


def _within(texts: Iterator[str], source: TextSource) -> Iterator[str]:
    characters, most = 0, source.reading.limits.document_characters
    for text in texts:
        characters += len(text)
        if characters > most:
            raise source.reading.place.error(
                "bad_label",
                f"is one sample of more than {most:,} characters; split it",
                case="sample_too_long",
                limit=most,
            )
        yield text


@dataclass
class _Columns:
    """The columns of a table that hold labels and splits."""

    spec: TextDataSpec
    place: Place
    names: list[str] = field(default_factory=list)
    label: str | None = None

    def choose(self, columns: Sequence[str]) -> Sequence[str]:
        label, split = self.spec.label_column, self.spec.split_column
        for wanted, field_name in ((label, "label_column"), (split, "split_column")):
            if wanted is not None and wanted not in columns:
                shown = ", ".join(repr(printable(name[:80])) for name in columns[:20]) or "none"
                raise self.place.error(
                    "no_label_column",
                    f"has no column {printable(wanted)!r}; beside the text its columns are {shown}. "
                    f"Name the right one as data.text.{field_name}",
                    column=wanted,
                    columns=columns[:20],
                    field=field_name,
                )
        by_name = (name for name in LABEL_COLUMNS if name in columns and name != split)
        self.label = label if label is not None else next(by_name, None)
        self.names = [name for name in (self.label, split) if name is not None]
        return self.names


def _rows(source: TextSource, spec: TextDataSpec) -> Iterator[LabelledText]:
    place, kind = source.reading.place, source.format.kind
    code, by_name = _CODES[kind], table_is_held_out(place)
    columns = _Columns(spec, place)
    source.reading.further = columns.choose
    for line, text, values in table_rows(source):
        if not text:
            continue
        named = dict(zip(columns.names, values, strict=True))
        label = None
        if columns.label is not None:
            what = f"line {line:,}: {printable(columns.label)!r}"
            label = _label(named[columns.label], spec, place, what, code)
        held_out = by_name
        if spec.split_column is not None:
            held_out = split_of(named[spec.split_column], spec.split_column, place, line, code)
        yield LabelledText(text, place, line, label, held_out)


def _label(value: object, spec: TextDataSpec, place: Place, what: str, code: FormatErrorCode) -> Label | None:
    assert spec.labels is not None
    try:
        return label_of(value, spec.labels, spec.label_separator)
    except LabelFault as fault:
        raise place.error(code, f"{what} {fault}", **fault.params, label_of=what) from None


def split_of(value: object, column: str, place: Place, line: int, code: FormatErrorCode) -> bool:
    name = str(value).strip().lower()
    if name in HELD_OUT_NAMES:
        return True
    if name in _TRAINED_ON:
        return False
    shown = printable(str(value)[:60])
    train, held_out = (", ".join(sorted(names)) for names in (_TRAINED_ON, HELD_OUT_NAMES))
    raise place.error(
        code,
        f"line {line:,}: {printable(column)!r} is {shown!r}, which names no split; name {train}, or one that is held out: "
        f"{held_out}",
        case="no_split",
        line=line,
        column=column,
        value=shown,
        train=train,
        held_out=held_out,
    )
