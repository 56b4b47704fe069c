"""A preview at a terminal: texts are printed, pictures go to files."""

from pathlib import Path
from typing import Any

from seedbed.cli.output import plain, print_json, remark
from seedbed.cli.samples import ENDINGS
from seedbed.client import Client
from seedbed.downloads import target
from seedbed.errors import InvalidFile
from seedbed.models import JobPreview


def save_preview(client: Client, preview: JobPreview, directory: Path) -> list[tuple[Path, bytes]]:
    """Write each thing as ``NAME.png`` or ``NAME.txt`` into the directory; their paths and bytes.

    Raises:
        InvalidFile: the directory cannot be written.
    """
    assert preview.result is not None
    saved = []
    for thing in preview.result.shown:
        place = target(directory, f"{thing.name}.{ENDINGS.get(thing.media_type, 'bin')}")
        content = client.previews.content(preview.id, thing.name)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        except OSError as error:
            raise InvalidFile(f"{error.filename or place}: {error.strerror or error}.") from error
        saved.append((place, content))
    return saved


def print_preview(preview: JobPreview, saved: list[tuple[Path, bytes]], *, as_json: bool) -> None:
    """Texts as they are, of pictures the paths; as JSON the preview, and all paths."""
    if as_json:
        document: dict[str, Any] = {"preview": plain(preview), "files": [str(place) for place, _ in saved]}
        print_json(document)
        return
    for place, content in saved:
        if place.suffix == ".txt":
            print(content.decode(errors="replace"))
            remark(f"Written to {place}.")
        else:
            print(place)
