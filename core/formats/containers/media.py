"""Reads images and recordings from archives, each with the class and the split that its folder stands for."""

import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from core.formats.containers.archive import open_archive, open_member
from core.formats.containers.layout import Folders, Layout, is_held_out
from core.formats.containers.member_names import TarNames, zip_names
from core.formats.containers.passed_over import PassedOver
from core.formats.containers.source import Source
from core.formats.containers.tar import tar_files, tar_headers
from core.formats.errors import FormatError, Place
from core.formats.limits import Budget, Limits
from core.formats.names import Format, Kind, is_hidden
from core.formats.notes import Note


@dataclass
class MediaNotes:
    """What reading a file found beside its samples."""

    members: int = 0
    ignored: PassedOver = field(default_factory=PassedOver)
    """Members that are not read."""
    notes: list[Note] = field(default_factory=list)

    def take(self, layout: Layout, file: str) -> None:
        """Record the notes on an archive's folders and on its own name."""
        self.notes += layout.notes
        if is_held_out(file):
            self.note_held_out()

    def note_held_out(self) -> None:
        """Note that the file's own name marks it as held out."""
        self.notes.append(
            Note(
                "file_is_held_out",
                "The file's name marks it as held out for evaluation: all its samples are held out, except those in a "
                "folder that is another split.",
            )
        )


@dataclass(frozen=True)
class Member:
    """A sample in an archive."""

    place: Place
    content: bytes | FormatError | None
    """The encoded file. None where it is larger than the limit. The error where it is damaged."""
    label: str | None
    held_out: bool


@dataclass(frozen=True)
class MediaArchive:
    """An archive, and which of its members to read."""

    stream: BinaryIO
    format: Format
    place: Place
    budget: Budget
    limits: Limits
    member_bytes: int
    """Size of the largest sample that is read, bytes."""
    is_sample: Callable[[str], bool]

    def members(self, notes: MediaNotes) -> Iterator[Member]:
        """The samples: a zip's in name order, a tar's in archive order. All names are read before the first sample.

        Raises:
            FormatError: for every problem with the archive itself.
        """
        if self.format.kind is Kind.ZIP:
            yield from self._zip(notes)
        else:
            yield from self._tar(notes)

    def _is_read(self, path: str, notes: MediaNotes) -> bool:
        if is_hidden(path) or not self.is_sample(path):
            notes.ignored.add(path)
            return False
        notes.members += 1
        return True

    def _layout(self, paths: Iterable[str]) -> Layout:
        folders = Folders(self.place.file)
        for path in paths:
            if not is_hidden(path) and self.is_sample(path):
                folders.add(path)
        return folders.layout()

    def _zip(self, notes: MediaNotes) -> Iterator[Member]:
        with open_archive(self.stream, self.place.file, self.limits) as archive:
            infos = archive.infolist()
            listed = sorted(zip(zip_names(infos), range(len(infos)), strict=True))
            listed = [(path, at) for path, at in listed if not path.endswith("/")]
            layout = self._layout(path for path, _ in listed)
            notes.take(layout, self.place.file)
            for path, at in listed:
                if self._is_read(path, notes):
                    place = Place(self.place.file, path)
                    yield Member(
                        place, self._read(archive, infos[at], place), *layout.place(place.file, path)
                    )

    def _read(
        self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: Place
    ) -> bytes | FormatError | None:
        try:
            with open_member(archive, info, place) as member:
                content = Source(cast(BinaryIO, member), None, place, self.budget).read(self.member_bytes + 1)
        except FormatError as error:
            if error.code == "archive_bomb":
                raise
            return error
        return content if len(content) <= self.member_bytes else None

    def _tar(self, notes: MediaNotes) -> Iterator[Member]:
        names = TarNames()
        layout = self._layout(names.look(info) for info in self._headers())
        if names.has_non_utf8:
            # The encoding of the names is known only after all of them were read.
            layout = self._layout(names.read(info) for info in self._headers())
        notes.take(layout, self.place.file)
        source = Source(self.stream, self.format.compression, self.place, self.budget)
        for info, read in tar_files(source, self.limits):
            path = names.read(info)
            if self._is_read(path, notes):
                place = Place(self.place.file, path)
                yield Member(place, read(self.member_bytes), *layout.place(place.file, path))

    def _headers(self) -> Iterator[tarfile.TarInfo]:
        return tar_headers(self.stream, self.format.compression, self.place, self.limits)
