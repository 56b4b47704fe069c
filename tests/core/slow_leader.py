"""``python -m tests.core.slow_leader FD PARENT``: the preloaded server, whose engines never get to lead a group of their own.

An engine calls ``setsid`` in its first moment. Here it waits there for ever, so that what happens to an engine before
its group exists can be tried at leisure.
"""

import os
import signal
import sys

from core.commands.cli import main
from core.commands.serve import serve

if __name__ == "__main__":
    os.setsid = signal.pause  # type: ignore[assignment]
    serve(int(sys.argv[1]), int(sys.argv[2]), engine=main, preload=lambda: None)
