"""Samples at a terminal: texts are printed, pictures go to files."""

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from seedbed.cli.output import out, remark
from seedbed.client import Client
from seedbed.downloads import target
from seedbed.models import Sample

ENDINGS = {"text/plain": "txt", "image/png": "png", "application/json": "json"}


def print_texts(client: Client, samples: Sequence[Sample]) -> None:
    """Print each text under its name; for a picture, print how to get it."""
    for sample in samples:
        out().print(Text(f"{sample.name}, step {sample.step:,}", style="bold"))
        if sample.media_type == "text/plain":
            out().print(Text(client.jobs.sample_content(sample.id).decode(errors="replace")))
        else:
            out().print(
                Text(f"{sample.media_type}, {sample.bytes:,} bytes: --out DIR writes it", style="dim")
            )


def write_samples(client: Client, samples: Sequence[Sample], directory: Path) -> None:
    """Write each sample as ``step-N/NAME.txt`` or ``.png`` below the directory."""
    for sample in samples:
        name = f"step-{sample.step:08d}/{sample.name}.{ENDINGS.get(sample.media_type, 'bin')}"
        place = target(directory, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(client.jobs.sample_content(sample.id))
    remark(f"{len(samples)} written below {directory}.")
