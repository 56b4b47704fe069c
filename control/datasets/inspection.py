"""Reading an upload through, apart from the process that answers requests.

A file is a stranger's: a library that reads it may take the process down with it, or all its memory, and
a large one keeps a processor busy for minutes. So whatever is large or not plain text is read by a child,
which knows where the file is and nothing else of the service.

``python -m control.datasets.inspection STORAGE_URL KEY NAME MODALITY [COLUMN]`` is that child; it prints JSON.
"""

import json
import logging
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from control.datasets.modalities import MODALITIES, Report
from control.errors import Invalid
from control.storage import Stage, open_storage
from core.formats import FormatError, detect

log = logging.getLogger(__name__)

SMALL = 1 << 20
"""Bytes of plain text that are read at once: quicker than a process starts."""

_SOURCES = Path(__file__).parents[2]


def inspect(
    stage: Stage, storage_url: str, name: str, column: str | None = None, *, modality: str = "text"
) -> Report:
    """What a staged file holds. ``column`` names what a table's samples are in.

    Raises:
        Invalid: nothing can be learned from it; the code is `core.formats`' own, or ``unreadable_file``.
    """
    check_format(name, modality)
    promised = detect(name, modality)
    harmless = promised.kind in MODALITIES[modality].harmless and promised.compression is None
    if stage.bytes <= SMALL and harmless:
        with stage.open() as stream:
            return _read(stream, name, modality, column)
    stage.finish()
    return _read_apart([storage_url, stage.key, name, modality, *([column] if column else [])], name)


def check_format(name: str, modality: str) -> None:
    """
    Raises:
        Invalid: ``unknown_format``.
    """
    try:
        detect(name, modality)
    except FormatError as error:
        raise _invalid(error) from None


def _read(stream: BinaryIO, name: str, modality: str, column: str | None) -> Report:
    try:
        return MODALITIES[modality].inspect(stream, name, column)
    except FormatError as error:
        raise _invalid(error) from None


def _invalid(error: FormatError) -> Invalid:
    return Invalid(error.code, f"{error}.", param="file")


def _read_apart(arguments: list[str], name: str) -> Report:
    child = subprocess.run(  # noqa: S603 - this very module
        [sys.executable, "-m", __name__, *arguments],
        cwd=_SOURCES,
        env={name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("AWS_")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if child.returncode < 0:
        log.warning("signal %d ended the process that read an upload", -child.returncode)
        raise Invalid(
            "unreadable_file",
            f"{name}: the process that read it was ended by the file. Write it anew, with another program or with "
            "smaller parts, and send it again.",
            param="file",
        )
    if child.returncode:
        raise RuntimeError(f"an upload could not be read: {child.stderr.decode(errors='replace')}")
    answer = json.loads(child.stdout)
    if "report" not in answer:
        raise Invalid(answer["code"], answer["detail"], param="file")
    report: Report = answer["report"]
    return report


def main() -> None:
    """Read one object; the answer goes to standard output."""
    # Should memory run out, the system is to end this process and none of the service's.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    storage_url, key, name, modality, *column = sys.argv[1:]
    try:
        with open_storage(storage_url).open(key) as stream:
            answer: dict[str, Any] = {"report": _read(stream, name, modality, column[0] if column else None)}
    except Invalid as error:
        answer = {"code": error.code, "detail": error.detail}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
