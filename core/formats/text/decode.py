"""Decodes bytes to text: strict UTF-8, with every line end as ``\\n``."""

import codecs
import io
import itertools
from collections.abc import Iterable, Iterator

from core.formats.errors import FormatErrorCode, Place

_OTHER_BOMS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_SAMPLE_BYTES = 4096
_LEAST_BYTES = 64
_BYTES_A_NUL = 50
"""A text in UTF-16 has at least one NUL byte in so many bytes: spaces and line ends have one."""
_MAGIC = (
    (b"\x1f\x8b", "gzip data (.gz)"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data (.zst)"),
    (b"PK\x03\x04", "a zip archive (.zip)"),
    (b"PAR1", "a Parquet file (.parquet)"),
    (b"%PDF", "a PDF"),
)


def decode(chunks: Iterator[bytes], place: Place) -> Iterator[str]:
    """The text of ``chunks``, without a byte order mark.

    Raises:
        FormatError: ``empty_file``; ``not_utf8`` with the offset of the first invalid byte.
    """
    first = next(chunks, b"")
    if not first:
        raise place.error("empty_file", "is empty")
    for bom, encoding in _OTHER_BOMS:
        if first.startswith(bom):
            raise place.error(
                "not_utf8",
                f"is {encoding}; save it as UTF-8 and upload it again",
                case="encoding",
                encoding=encoding,
            )
    for magic, what in _MAGIC:
        if first.startswith(magic):
            raise place.error(
                "not_utf8",
                f"is {what} by its first bytes, not text as its name states",
                case="binary",
                content=what,
            )
    consumed = 3 if first.startswith(codecs.BOM_UTF8) else 0
    first = first[consumed:]
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")(), translate=True)
    try:
        consumed += len(first)
        # An invalid byte is reported before the guess at another encoding, also where it is the last byte.
        second = next(chunks, None)
        text = decoder.decode(first, final=second is None)
        _refuse_utf16_and_utf32(first, place)
        yield text
        for chunk in itertools.chain([] if second is None else [second], chunks):
            consumed += len(chunk)
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        # ``error.object`` is what the decoder kept of earlier chunks and this chunk: it ends at ``consumed``.
        offset = consumed - len(error.object) + error.start
        raise place.error(
            "not_utf8",
            f"is not UTF-8: byte {offset:,} (0x{error.object[error.start]:02x}) starts no character; "
            "convert it to UTF-8 and upload it again",
            case="byte",
            offset=offset,
            byte=error.object[error.start],
        ) from None


def _refuse_utf16_and_utf32(chunk: bytes, place: Place) -> None:
    """Refuse UTF-16 and UTF-32 without a byte order mark: many such files are valid UTF-8 too, with many NULs."""
    sample = chunk[:_SAMPLE_BYTES]
    nuls = sample.count(0)
    if not nuls:
        return
    for encoding in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"):
        if _is_text(sample, encoding):
            raise place.error(
                "not_utf8",
                f"is {encoding[:6].upper()} without a byte order mark; save it as UTF-8 and upload it again",
                case="encoding_without_mark",
                encoding=encoding[:6].upper(),
            )
    if len(sample) >= _LEAST_BYTES and nuls * _BYTES_A_NUL > len(sample):
        raise place.error(
            "not_utf8",
            "has too many NUL bytes to be text in UTF-8; save it as UTF-8, or correct its name",
            case="nul_bytes",
        )


def _is_text(sample: bytes, encoding: str) -> bool:
    try:
        # The sample of a longer file may end inside a character.
        text = codecs.getincrementaldecoder(encoding)().decode(sample, len(sample) < _SAMPLE_BYTES)
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\n\r\t\f" for character in text)


def lines(texts: Iterable[str], place: Place, limit: int, code: FormatErrorCode) -> Iterator[str]:
    """The lines of a text that comes in pieces, without line ends. The last line needs no line end.

    Raises:
        FormatError: ``code``, where a line is longer than ``limit`` characters.
    """
    pending: list[str] = []
    waiting = 0
    count = 0
    for text in texts:
        head, newline, rest = text.partition("\n")
        pending.append(head)
        waiting += len(head)
        if waiting > limit:
            raise place.error(
                code,
                f"line {count + 1:,} is longer than {limit:,} characters",
                case="long_line",
                line=count + 1,
                most_characters=limit,
            )
        if not newline:
            continue
        yield "".join(pending)
        complete = rest.split("\n")
        pending = [complete.pop()]
        waiting = len(pending[0])
        yield from complete
        count += 1 + len(complete)
    yield "".join(pending)
