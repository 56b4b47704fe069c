"""What a run shows people beside its numbers: files in the run directory, each told by a ``sample`` event."""

from collections.abc import Iterable
from pathlib import Path

from core.events import Events
from core.objectives.base import Shown

_ENDINGS = {"text/plain": "txt", "image/png": "png"}


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
    """Where what a step shows is written."""
    return run_directory / "samples" / f"step-{step:08}"


def write_one(directory: Path, one: Shown) -> Path:
    """Write ``<name>.<ending>``, whole or not at all; its path."""
    path = directory / f"{one.name}.{_ENDINGS[one.media_type]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(one.content)
    temporary.replace(path)
    return path
