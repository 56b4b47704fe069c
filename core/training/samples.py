"""Writes output samples (texts, pictures) into the run directory; each file is reported by a ``sample`` event."""

from collections.abc import Iterable
from pathlib import Path

from core.events import Events
from core.objectives.base import Shown

_ENDINGS = {"text/plain": "txt", "image/png": "png", "application/json": "json"}


def write_shown(run_directory: Path, step: int, shown: Iterable[Shown], events: Events) -> None:
    """Write ``samples/step-N/<name>.<ending>``; a resumed run writes the same files again."""
    for one in shown:
        path = write_one(samples_directory(run_directory, step), one)
        events.emit(
            "sample",
            step=step,
            name=one.name,
            media_type=one.media_type,
            path=str(path),
            bytes=len(one.content),
        )


def samples_directory(run_directory: Path, step: int) -> Path:
    """The directory for the output samples of a step."""
    return run_directory / "samples" / f"step-{step:08}"


def write_one(directory: Path, one: Shown) -> Path:
    """Write ``<name>.<ending>`` atomically and return its path."""
    path = directory / f"{one.name}.{_ENDINGS[one.media_type]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(one.content)
    temporary.replace(path)
    return path
