"""Reads the documents of a dataset's files, and its uploaded tokenizer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO

from core.data.errors import DataError
from core.data.files import DataFile, read_each
from core.formats import FormatError, read_pieces, read_uploaded_tokenizer
from core.spec.data import DataSpec

Piece = tuple[str, bool]
"""A piece of a document's text, and whether it is the last one of the document."""

PIECE_CHARACTERS = 1 << 20
_PIECES_A_REPORT = 256


def pieces(
    files: Sequence[DataFile], spec: DataSpec, on_bytes: Callable[[int], None] = lambda _: None
) -> Iterator[Piece]:
    """All documents, file after file in the given order, in pieces of at most `PIECE_CHARACTERS`.

    Args:
        on_bytes: Called from time to time with the number of bytes of the files that are read.

    Raises:
        DataError: ``data_unreadable``.
    """
    return recut(_pieces(files, spec, on_bytes), PIECE_CHARACTERS)


def _pieces(files: Sequence[DataFile], spec: DataSpec, on_bytes: Callable[[int], None]) -> Iterator[Piece]:
    whole = spec.documents == "whole_file"

    def read(file: DataFile, stream: BinaryIO) -> Iterator[Piece]:
        return read_pieces(
            stream,
            file.name,
            text_column=spec.text_column,
            options=file.reading,
            columns=spec.text.columns,
            whole_files=whole,
        )

    return read_each(files, read, on_bytes, every=_PIECES_A_REPORT)


def recut(pieces: Iterable[Piece], limit: int) -> Iterator[Piece]:
    """The same documents in pieces of at most ``limit`` characters, cut before a space where there is one.

    The result does not depend on how the pieces were cut before. Tokenizers need some hundred bytes of memory for each
    character, so that a long document must not reach them whole.
    """
    waiting = ""
    for piece, ends in pieces:
        text = waiting + piece
        start = 0
        while len(text) - start > limit:
            space = text.rfind(" ", start + 1, start + limit)
            end = space if space > 0 else start + limit
            yield text[start:end], False
            start = end
        if ends:
            yield text[start:], True
        waiting = "" if ends else text[start:]


def uploaded_tokenizer(files: Sequence[DataFile]) -> bytes:
    """The one ``tokenizer.json`` of a dataset.

    Raises:
        DataError: ``tokenizer_invalid``, where there is none, or several that differ.
    """
    found = set()
    for file in files:
        try:
            with file.path.open("rb") as stream:
                if content := read_uploaded_tokenizer(stream, file.name):
                    found.add(content)
        except FormatError as error:
            raise DataError(
                "tokenizer_invalid",
                str(error),
                "Upload the file as the tokenizers library saved it.",
                case="file",
                problem=error.nested,
            ) from error
    if len(found) == 1:
        return found.pop()
    problem = "holds no tokenizer.json" if not found else f"holds {len(found)} different tokenizer.json files"
    raise DataError(
        "tokenizer_invalid",
        f"data.tokenizer.kind is 'uploaded', but the dataset {problem}",
        "Add one file named tokenizer.json to the dataset, or choose a tokenizer that is trained, such as 'bpe'.",
        case="number_of_files",
        files=len(found),
    )
