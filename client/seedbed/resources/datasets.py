"""Datasets: create, upload, complete, look at, delete."""

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from seedbed import uploads
from seedbed.models import Continuation, Dataset, DatasetDetail, DatasetFile, Preview
from seedbed.paging import Listing
from seedbed.transport import Transport

StrPath = str | os.PathLike[str]


class Datasets:
    """``client.datasets``"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, name: str, *, modality: str = "text") -> DatasetDetail:
        """A new dataset, open for files.

        Args:
            name: For people.
            modality: ``text``, ``image`` or ``audio``: what its files hold.
        """
        answer = self._transport.create("/v1/datasets", {"name": name, "modality": modality})
        return DatasetDetail.model_validate(answer)

    def upload(
        self,
        dataset: str,
        paths: StrPath | Iterable[StrPath],
        *,
        text_column: str | None = None,
        image_column: str | None = None,
        delimiter: str | None = None,
        quote: str | None = None,
        progress: uploads.Progress | None = None,
    ) -> list[DatasetFile]:
        """Add files, and directories with all that is in them, to an open dataset.

        Datasets are flat. A directory of images or recordings is sent as one tar, made while it is sent, so
        that its folders still name classes; of other files the path becomes the name, ``a/b.txt`` → ``a_b.txt``.

        Files that the dataset has already, by name and hash, are not sent again, so the same call continues an aborted
        upload.

        Args:
            dataset: Its id.
            paths: Files and directories.
            text_column: Column (CSV, Parquet) or key (JSON Lines) that holds the text. Default: ``text``, else
                the only column of strings.
            image_column: Column (Parquet) that holds the images. Default: ``image``, else ``img``, else the only column
                of images.
            delimiter: Separator between the fields of a CSV: one character. Default: detected from its first lines.
            quote: Quotation mark around fields that hold delimiters: ``"``, ``'`` or ``none`` (quotes are ordinary
            characters). Default: detected from its first lines.
            progress: Called with the bytes that were sent (or need not be) since its last call.

        Returns:
            The files as the dataset has them.

        Raises:
            InvalidFile: a file that cannot be read.
            Invalid: a file that the service cannot use; `detail` says why.
        """
        listed = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        files = uploads.find_files(Path(path) for path in listed)
        present = {file.name: file for file in self.get(dataset).file_list}
        reading = {
            "text_column": text_column,
            "image_column": image_column,
            "delimiter": "tab" if delimiter == "\t" else delimiter,
            "quote": quote,
        }
        done = []
        for file in files:
            digest = uploads.digest_of(file)
            kept = present.get(file.name)
            if kept is None or kept.sha256 != digest:
                kept = uploads.send(
                    self._transport, dataset, file, digest, reading=reading, progress=progress
                )
            elif progress:
                progress(file.bytes)
            done.append(kept)
        return done

    def create_version(
        self, dataset: str, *, name: str | None = None, modality: str | None = None
    ) -> DatasetDetail:
        """A new version of a complete dataset, open for further files: it has all files of that one, and shares their bytes.

        Either of the two can be deleted without loss for the other. Upload the further files, then complete it.

        Args:
            name: For people. Default: the dataset's.
            modality: Refused if it is not the dataset's.
        """
        given = {"name": name, "modality": modality}
        body = {field: value for field, value in given.items() if value is not None}
        answer = self._transport.create(f"{_path(dataset)}/versions", body)
        return DatasetDetail.model_validate(answer)

    def versions(self, dataset: str) -> Listing[Dataset]:
        """All versions of a dataset, itself included, newest first."""
        return Listing(self._transport, f"{_path(dataset)}/versions", Dataset)

    def continuation(self, dataset: str) -> Continuation:
        """A job that goes on with what a version added, from the best checkpoint of the last job on its parent. It is not
        submitted: `client.jobs.submit` does that with its ``spec``."""
        return Continuation.model_validate(self._transport.get(f"{_path(dataset)}/continuation"))

    def complete(self, dataset: str) -> DatasetDetail:
        """Close an open dataset: from now on it never changes, and jobs may run on it. Repeating this changes nothing."""
        answer = self._transport.post(f"{_path(dataset)}/complete", repeatable=True)
        return DatasetDetail.model_validate(answer)

    def get(self, dataset: str) -> DatasetDetail:
        """One dataset with its files."""
        return DatasetDetail.model_validate(self._transport.get(_path(dataset)))

    def list(self) -> Listing[Dataset]:
        """All datasets, newest first."""
        return Listing(self._transport, "/v1/datasets", Dataset)

    def preview(
        self, dataset: str, *, documents: int | None = None, characters: int | None = None
    ) -> Preview:
        """The beginnings of some documents."""
        params = {"documents": documents, "characters": characters}
        return Preview.model_validate(self._transport.get(f"{_path(dataset)}/preview", params))

    def contact_sheet(self, dataset: str, *, images: int | None = None, columns: int | None = None) -> bytes:
        """Some images of a dataset side by side, as a PNG; of audio, waveforms over spectrograms."""
        params = {"images": images, "columns": columns}
        return self._transport.content(f"{_path(dataset)}/contact-sheet", params)

    def delete(self, dataset: str) -> None:
        """Delete a dataset that no unfinished job needs."""
        self._transport.delete(_path(dataset))

    def delete_file(self, dataset: str, name: str) -> None:
        """Remove a file from an open dataset."""
        self._transport.delete(f"{_path(dataset)}/files/{quote(name, safe='')}")


def _path(dataset: str) -> str:
    return f"/v1/datasets/{quote(dataset, safe='')}"
