"""Downloads of the files of a checkpoint or an export, one by one or as one archive, and their OpenAPI descriptions."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from fastapi import Depends, Header, Request, Response
from fastapi.responses import StreamingResponse

from api.context import Context
from api.downloads import from_threads, send_object, send_written
from api.problem_types import JsonResponses, problems
from api.zip_stream import Member, archive
from control.errors import NotFound

_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_HEADERS = {
    "ETag": {"description": "The file's SHA-256, in quotes.", "schema": {"type": "string"}},
    "Content-Length": {"schema": {"type": "integer"}},
    "Accept-Ranges": {"schema": {"type": "string"}},
}


@dataclass(frozen=True)
class StoredFile:
    """A file's key in storage, its size and its sha256."""

    key: str
    size: int
    sha256: str


@dataclass(frozen=True)
class WrittenFile:
    """A file that is in no storage, since it is written when it is asked for."""

    content: bytes

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class StoredFiles:
    """The files of one checkpoint or export."""

    owner: str
    """What the files belong to, for messages such as "``owner`` has no file"."""
    folder: str
    """Name of the archive and of the one folder in it."""
    files: Mapping[str, StoredFile | WrittenFile]
    """The files by their paths."""

    @classmethod
    def below(cls, prefix: str, listed: Iterable[Mapping[str, Any]], *, owner: str, folder: str) -> Self:
        """Those under a prefix in storage that a manifest lists: ``path``, ``bytes`` and ``sha256`` of each."""
        files: dict[str, StoredFile | WrittenFile] = {
            file["path"]: StoredFile(f"{prefix}/{file['path']}", file["bytes"], file["sha256"])
            for file in listed
        }
        return cls(owner, folder, files)

    async def send(self, path: str, request: Request, context: Context) -> Response:
        """Answer a GET or HEAD for one of them.

        Raises:
            NotFound: ``file_not_found``; and what `send_object` raises.
        """
        file = self.files.get(path)
        if file is None:
            raise NotFound(
                "file_not_found",
                f"{self.owner} has no file {path[:200]!r}. Its `files` list those it has.",
                param="path",
                params={"path": path, "owner": self.owner},
            )
        name = path.rpartition("/")[2]
        if isinstance(file, WrittenFile):
            return await send_written(request, file.content, sha256=file.sha256, name=name)
        return await send_object(
            request,
            context.storage,
            context.downloads,
            file.key,
            size=file.size,
            sha256=file.sha256,
            name=name,
        )

    async def send_archive(self, context: Context) -> StreamingResponse:
        """Answer a GET for all of them, as one zip that is streamed."""
        members = [
            Member(
                f"{self.folder}/{path}",
                file.content if isinstance(file, WrittenFile) else file.key,
                file.size,
            )
            for path, file in self.files.items()
        ]
        length, blocks = archive(context.storage, members)
        body = await from_threads(blocks, context.downloads)
        return StreamingResponse(
            body, media_type="application/zip", headers=_archive_headers(self.folder, length)
        )


def _download_headers(
    range_: Annotated[str | None, Header(alias="Range", description="One range: `bytes=0-1023`.")] = None,
    if_none_match: Annotated[str | None, Header(description="An ETag that the client has.")] = None,
    if_range: Annotated[
        str | None, Header(description="The range is sent only if this is still the ETag; else the whole.")
    ] = None,
) -> None:
    """Documents the request headers; `send_object` reads them from the request itself."""
    del range_, if_none_match, if_range


DOWNLOAD_HEADERS = Depends(_download_headers)
"""The ``dependencies`` of a route that sends one file."""


def file_responses(*codes: str) -> JsonResponses:
    """The responses of a GET for one file."""
    return problems(
        *codes,
        also={
            200: {"description": "The file.", "content": _BINARY, "headers": _HEADERS},
            206: {"description": "The range.", "content": _BINARY, "headers": _HEADERS},
            304: {"description": "The client has it already."},
        },
    )


def head_responses(*codes: str) -> JsonResponses:
    """The responses of a HEAD for one file: the same without a body."""
    also: JsonResponses = {
        200: {"description": "As a GET would answer, without the bytes.", "headers": _HEADERS},
        206: {"description": "The same for a range.", "headers": _HEADERS},
        304: {"description": "The client has it already."},
    }
    return {status: _bare(answer) for status, answer in problems(*codes, also=also).items()}


def archive_responses(*codes: str) -> JsonResponses:
    """The responses of a GET for the archive."""
    return problems(
        *codes,
        also={
            200: {
                "description": "A zip of all files, stored uncompressed.",
                "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
                "headers": {"Content-Length": {"schema": {"type": "integer"}}},
            }
        },
    )


def _archive_headers(folder: str, length: int) -> dict[str, str]:
    """The headers of a response that is a zip."""
    return {
        "Content-Length": str(length),
        "Content-Disposition": f'attachment; filename="{folder}.zip"',
        "Cache-Control": "private, no-cache",
    }


def _bare(answer: dict[str, Any]) -> dict[str, Any]:
    return {part: value for part, value in answer.items() if part != "content"}
