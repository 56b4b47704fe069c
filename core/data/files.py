"""The files of a dataset."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from core.data.errors import DataError, unreadable
from core.formats import KNOWN_FORMATS, FormatError, Kind, detect, is_hidden
from core.formats.containers.layout import Folders, Layout
from core.formats.containers.member_names import disk_names
from core.formats.tables.reading import AS_FOUND, ReadingOptions
from core.spec.task import Modality

Item = TypeVar("Item")

ReadingByName = Mapping[str, ReadingOptions]
"""Reading options by file name. A file that is not listed has none."""


@dataclass(frozen=True)
class DataFile:
    """A file of a dataset. ``name`` decides its format, ``path`` may have any name, ``sha256`` is lower-case hex."""

    name: str
    path: Path
    sha256: str
    reading: ReadingOptions = AS_FOUND


def identities(files: Sequence[DataFile]) -> list[list[object]]:
    """The facts about the files that the key of prepared data depends on, for JSON: name, hash, and the reading options that are set."""
    return [
        [file.name, file.sha256, *([options] if (options := file.reading.facts()) else [])]
        for file in sorted(files, key=lambda file: (file.name, file.sha256))
    ]


def layout_of(files: Sequence[DataFile], modality: Modality) -> Layout:
    """The layout of the folders that single images, recordings or text files are in, of all files together."""
    folders = Folders("the dataset")
    for file in files:
        if detect(file.name, modality).kind in {Kind.IMAGE, Kind.AUDIO, Kind.TEXT}:
            folders.add(file.name)
    return folders.layout()


@contextmanager
def opened(file: DataFile) -> Iterator[BinaryIO]:
    """The file's bytes, within a context that turns errors of reading and understanding them into a `DataError`."""
    try:
        with file.path.open("rb") as stream:
            yield stream
    except FormatError as error:
        raise unreadable(error) from error
    except OSError as error:
        raise DataError(
            "data_unreadable",
            f"{file.name} cannot be read: {error}",
            case="file_unreadable",
            file=file.name,
            error=error,
        ) from error


def read_each(
    files: Iterable[DataFile],
    read: Callable[[DataFile, BinaryIO], Iterable[Item]],
    on_bytes: Callable[[int], None] = lambda _: None,
    *,
    every: int = 1,
) -> Iterator[Item]:
    """What ``read`` finds in each file, file after file.

    Args:
        on_bytes: Called with the number of bytes of all files that are read, after every ``every``-th item of a file and
            at its end.

    Raises:
        DataError: ``data_unreadable``, ``tokenizer_invalid``.
    """
    done = 0
    for file in files:
        with opened(file) as stream:
            for number, item in enumerate(read(file, stream)):
                yield item
                if number % every == 0:
                    # Some libraries close the stream that they are given.
                    on_bytes(done + (0 if stream.closed else stream.tell()))
        done += file.path.stat().st_size
        on_bytes(done)


def data_files(
    paths: Sequence[Path],
    modality: Modality = "text",
    reading: ReadingByName | None = None,
    digests: Mapping[str, str] | None = None,
) -> list[DataFile]:
    """The files at ``paths`` in name order, with their hashes.

    Of a directory all files of formats known for ``modality`` are taken, recursively, named by their relative path; hidden
    files are skipped. A file that is named directly must have a known format.

    Args:
        digests: sha256 by name of files whose content was checked already; they are not hashed again.

    Raises:
        DataError: ``data_unreadable``, where there is nothing to read.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if path.is_dir():
            there = {file.relative_to(path).as_posix(): file for file in path.rglob("*")}
            for raw, name in disk_names(there).items():
                if not is_hidden(name) and _is_known(name, modality) and there[raw].is_file():
                    _add(found, name, there[raw])
        elif path.is_file():
            name = disk_names([path.name])[path.name]
            if not _is_known(name, modality):
                raise DataError(
                    "data_unreadable",
                    f"{path}: its name ends in no known format",
                    f"Known formats: {KNOWN_FORMATS[modality]}.",
                    case="unknown_format",
                    path=path,
                    known_formats=KNOWN_FORMATS[modality],
                )
            _add(found, name, path)
        else:
            raise DataError(
                "data_unreadable",
                f"{path} is neither a file nor a directory",
                "Name one that exists.",
                case="no_path",
                path=path,
            )
    if not found:
        raise DataError(
            "data_unreadable",
            f"{', '.join(map(str, paths)) or 'no path'}: no file of a known format is there",
            f"Known formats: {KNOWN_FORMATS[modality]}.",
            case="no_file",
            paths=paths,
            known_formats=KNOWN_FORMATS[modality],
        )
    options, known = reading or {}, digests or {}
    return [
        DataFile(name, path, known.get(name) or _sha256(path), options.get(name, AS_FOUND))
        for name, path in sorted(found.items())
    ]


def _is_known(name: str, modality: Modality) -> bool:
    try:
        detect(name, modality)
    except FormatError:
        return False
    return True


def _add(found: dict[str, Path], name: str, path: Path) -> None:
    if name in found and found[name].resolve() != path.resolve():
        raise DataError(
            "data_unreadable",
            f"{found[name]} and {path} would both be named {name}",
            "Rename one of them.",
            case="same_name",
            paths=[found[name], path],
            name=name,
        )
    found[name] = path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
