"""The files of a dataset, and the documents in them."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.data.errors import DataError, DataErrorCode
from core.formats import (
    KNOWN_FORMATS,
    FormatError,
    detect,
    is_hidden,
    read_documents,
    read_uploaded_tokenizer,
)

_DOCUMENTS_A_REPORT = 256


@dataclass(frozen=True)
class DataFile:
    """A file of a dataset: ``name`` decides its format, ``path`` may be anything, ``sha256`` is lower-case hex."""

    name: str
    path: Path
    sha256: str


def data_files(paths: Sequence[Path]) -> list[DataFile]:
    """The files at ``paths``, hashed, in name order.

    Of a directory all files of a known format are taken, recursively, under their relative path; hidden ones
    are passed over. A file named outright must be of a known format.

    Raises:
        DataError: ``data_unreadable``, where there is nothing to read.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if path.is_dir():
            for file in path.rglob("*"):
                name = file.relative_to(path).as_posix()
                if file.is_file() and not is_hidden(name) and _is_known(name):
                    _add(found, name, file)
        elif path.is_file():
            if not _is_known(path.name):
                raise DataError(
                    "data_unreadable",
                    f"{path}: its name ends in no known format",
                    f"Known are {KNOWN_FORMATS}.",
                )
            _add(found, path.name, path)
        else:
            raise DataError("data_unreadable", f"{path} is no file and no directory", "Name one that exists.")
    if not found:
        where = ", ".join(map(str, paths)) or "no path"
        raise DataError(
            "data_unreadable", f"{where}: no file of a known format is there", f"Known are {KNOWN_FORMATS}."
        )
    return [DataFile(name, path, _sha256(path)) for name, path in sorted(found.items())]


def documents(
    files: Sequence[DataFile], text_column: str | None, on_bytes: Callable[[int], None] = lambda _: None
) -> Iterator[str]:
    """All documents, file after file in the order given.

    ``on_bytes`` is told now and then how many bytes of the files are behind.

    Raises:
        DataError: ``data_unreadable``.
    """
    behind = 0
    for file in files:
        try:
            with file.path.open("rb") as stream:
                for number, document in enumerate(read_documents(stream, file.name, text_column=text_column)):
                    yield document
                    if number % _DOCUMENTS_A_REPORT == 0:
                        on_bytes(behind + stream.tell())
        except FormatError as error:
            code: DataErrorCode = "tokenizer_invalid" if error.code == "bad_tokenizer" else "data_unreadable"
            raise DataError(code, str(error), "Correct or remove the file.") from error
        except OSError as error:
            raise DataError("data_unreadable", f"{file.name} cannot be read: {error}") from error
        behind += file.path.stat().st_size
        on_bytes(behind)


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
            raise DataError("tokenizer_invalid", str(error), "Upload it as tokenizers saved it.") from error
    if len(found) == 1:
        return found.pop()
    problem = "holds no tokenizer.json" if not found else f"holds {len(found)} different tokenizer.json files"
    raise DataError(
        "tokenizer_invalid",
        f"data.tokenizer.kind is 'uploaded', but the dataset {problem}",
        "Add one file named tokenizer.json to the dataset, or choose 'bpe' or 'wordpiece'.",
    )


def _is_known(name: str) -> bool:
    try:
        detect(name)
    except FormatError:
        return False
    return True


def _add(found: dict[str, Path], name: str, path: Path) -> None:
    if name in found and found[name].resolve() != path.resolve():
        raise DataError(
            "data_unreadable", f"{found[name]} and {path} would both be named {name}", "Rename one of them."
        )
    found[name] = path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
