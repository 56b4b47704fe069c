"""``python -m core.inspection``: the preloaded server that forks inspections."""

import argparse
import gc
import importlib
import os
import sys

from core.commands.serve import serve
from core.inspection.child import main as inspect


def preload() -> None:
    """Import the modules that most files need, without starting a thread.

    pyarrow starts a thread (of its allocator) when it is imported, so a child imports it when it needs it.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for name in (
        "core.formats.audio.inspection",
        "core.formats.image.contact_sheet",
        "core.formats.image.inspection",
        "core.formats.text.inspection",
    ):
        importlib.import_module(name)
    importlib.import_module("PIL.Image").init()
    gc.collect()
    gc.freeze()


def main() -> int:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m core.inspection", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, metavar="N", help="listening Unix socket, inherited")
    parser.add_argument("--parent", type=int, metavar="PID", help="exit if the parent is not this process")
    arguments = parser.parse_args()
    return serve(arguments.fd, arguments.parent, preload=preload, engine=inspect)


if __name__ == "__main__":
    sys.exit(main())
