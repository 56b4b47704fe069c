"""Checkpoints: list, look at, upload, download."""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from seedbed import downloads, predicting, uploads
from seedbed.errors import SeedbedError
from seedbed.models import Checkpoint, CheckpointFile, Export, Prediction, PredictionEvent
from seedbed.paging import Listing
from seedbed.transport import Transport


class Checkpoints:
    """``client.checkpoints``"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, job: str) -> Listing[Checkpoint]:
        """A job's checkpoints, newest step first."""
        return Listing(self._transport, f"/v1/jobs/{quote(job, safe='')}/checkpoints", Checkpoint)

    def uploaded(self) -> Listing[Checkpoint]:
        """The uploaded checkpoints, newest first."""
        return Listing(self._transport, "/v1/checkpoints", Checkpoint)

    def upload(
        self,
        directory: str | os.PathLike[str],
        *,
        name: str | None = None,
        progress: uploads.Progress | None = None,
    ) -> Checkpoint:
        """Upload a model that `transformers` saved (``save_pretrained``) as a checkpoint that jobs can start from.

        Args:
            directory: With ``config.json``, safetensors, and the files of its tokenizer or preprocessor. Folders in it are left out.
            name: For people. Default: that of the directory.
            progress: Called with the bytes that were sent since its last call.

        Raises:
            InvalidFile: a file that cannot be read.
            Invalid: a file that the service does not take, or files that do not fit each other; `detail` says why. Nothing is
                kept then.
        """
        place = Path(directory)
        files = uploads.model_files(place)
        begun = self._transport.create("/v1/checkpoints", {"name": name or place.resolve().name})
        path = f"/v1/checkpoints/{quote(begun['id'], safe='')}"
        try:
            for file in files:
                digest = uploads.digest_of(file)
                uploads.send_to_checkpoint(self._transport, begun["id"], file, digest, progress=progress)
            answer = self._transport.post(f"{path}/complete", repeatable=True)
        except BaseException:
            with contextlib.suppress(SeedbedError):
                self._transport.delete(path)
            raise
        return Checkpoint.model_validate(answer)

    def get(self, checkpoint: str) -> Checkpoint:
        answer = self._transport.get(f"/v1/checkpoints/{quote(checkpoint, safe='')}")
        return Checkpoint.model_validate(answer)

    def delete(self, checkpoint: str) -> None:
        """Delete a checkpoint and its files.

        Raises:
            Conflict: its job would resume from it, or a fork or an export uses it.
        """
        self._transport.delete(f"/v1/checkpoints/{quote(checkpoint, safe='')}")

    def card(self, checkpoint: str) -> str:
        """The model card of a checkpoint: Markdown with metadata, in the format of the Hugging Face Hub. It tells what is known
        now, such as the evaluations that have ended."""
        return self._transport.content(f"/v1/checkpoints/{quote(checkpoint, safe='')}/card").decode()

    def export(self, checkpoint: str, *, format: str = "onnx") -> Export:  # noqa: A002 - as the service calls it
        """Have a worker write a checkpoint in another format; wait for the result with `Exports.wait`.

        One that was exported already is not exported again.

        Args:
            format: One of those that `Task.exports` lists.

        Raises:
            Invalid: the format is not for such a checkpoint.
        """
        path = f"/v1/checkpoints/{quote(checkpoint, safe='')}/export"
        return Export.model_validate(self._transport.create(path, {"format": format}))

    def predict(
        self,
        checkpoint: str,
        *,
        kind: str | None = None,
        text: str | None = None,
        file: str | os.PathLike[str] | bytes | None = None,
        **options: Any,
    ) -> Prediction:
        """Ask a checkpoint for a prediction, and wait for the result.

        Args:
            kind: One of the kinds of its task (`Task.predictions`); default: the first.
            text: The input of kinds that take a text.
            file: The input of kinds that take an image or a recording: its path, or its content.
            options: Options of the kind (``temperature=0.5``).

        Raises:
            Invalid: the input or an option is not valid.
            RateLimited: too many predictions are waiting, also after the retries.
            Unavailable: no worker is online, or the one that computed it was lost.
        """
        path = f"/v1/checkpoints/{quote(checkpoint, safe='')}/predict"
        answer = self._transport.post(path, predicting.body_of(kind, text, file, options))
        return Prediction.model_validate(answer)

    def predict_stream(
        self,
        checkpoint: str,
        *,
        kind: str | None = None,
        text: str | None = None,
        file: str | os.PathLike[str] | bytes | None = None,
        **options: Any,
    ) -> Generator[PredictionEvent]:
        """The same as `predict`, in events: the place in the line, parts of the result as they are computed, the result.

        Closing the iterator ends the computation.

        Raises:
            ApiError: as `predict`, but nothing is sent again.
        """
        path = f"/v1/checkpoints/{quote(checkpoint, safe='')}/predict"
        body = predicting.body_of(kind, text, file, options) | {"stream": True}
        with self._transport.stream(path, json=body) as response:
            yield from predicting.events(response.iter_bytes())

    def download(
        self,
        checkpoint: str | Checkpoint,
        directory: str | os.PathLike[str],
        *,
        model_only: bool = False,
        overwrite: bool = False,
        progress: downloads.Progress | None = None,
    ) -> Path:
        """Download a checkpoint's files and its model card (``README.md``) into a directory, which `transformers` can open.

        Each file is checked against its hash before it gets its name. Call this again to continue an aborted download;
        files that exist already are not downloaded again. A ``README.md`` that exists stays as it is.

        Args:
            checkpoint: The checkpoint or its id.
            directory: Created if it does not exist.
            model_only: Leave out the trainer's state (about two thirds), which only a resume needs.
            overwrite: Replace other files that have the same names, and the ``README.md``.
            progress: Called with the bytes that were added since its last call (negative: downloaded again).

        Raises:
            DownloadDamaged: the content of a file differed from its hash in the manifest twice.
            InvalidFile: another file has the same name, or the directory cannot be written.
            UnsafePath: the service names a file that would be outside the directory.
        """
        found = self.get(checkpoint) if isinstance(checkpoint, str) else checkpoint
        place = Path(directory)
        resource = f"/v1/checkpoints/{quote(found.id, safe='')}"
        download = downloads.Download(
            self._transport, resource, found.id, place, progress=progress, overwrite=overwrite
        )
        download.run(wanted_files(found, model_only=model_only))
        if not model_only:
            download.manifest(found.manifest_sha256)
        download.card()
        return place


def wanted_files(checkpoint: Checkpoint, *, model_only: bool) -> list[CheckpointFile]:
    """The files that a download fetches."""
    return [file for file in checkpoint.files if not (model_only and file.path.startswith(downloads.TRAINER))]
