"""The job that could have written an uploaded checkpoint: derived again from its files, as when it was uploaded."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.formats.errors import FormatError
from core.formats.published.checking import Published, check_checkpoint
from core.formats.published.inspection import inspect_checkpoint_file
from core.spec.job import JobSpec

_MANIFEST = "manifest.json"


def classes_in(directory: Path) -> tuple[str, ...]:
    """Names of the classes that the head of the checkpoint in a directory tells apart, in the order of its outputs; () if it has no
    such head.

    Raises:
        FormatError: its files do not fit each other.
    """
    return _checked(directory).classes


def job_of(directory: Path) -> JobSpec:
    """A job that could have written the checkpoint in a directory.

    Raises:
        FormatError: its files do not fit each other.
    """
    document: dict[str, Any] = _checked(directory).document
    if "tokenizer" in document["data"]:
        document["data"]["tokenizer"]["kind"] = "checkpoint"
    try:
        return JobSpec.model_validate({**document, "name": "uploaded", "start": {"scope": "all"}})
    except ValidationError as error:
        first = str(error.errors(include_url=False, include_input=False)[0]["msg"])
        raise FormatError(
            "checkpoint_unsupported",
            f"such a network cannot be trained here: {first}",
            "config.json",
            case="untrained_network",
            reason=first,
        ) from None


def _checked(directory: Path) -> Published:
    reports = {}
    for path in sorted(directory.iterdir()):
        if path.is_file() and path.name != _MANIFEST:
            with path.open("rb") as stream:
                reports[path.name] = inspect_checkpoint_file(stream, path.name)
    return check_checkpoint(reports)
