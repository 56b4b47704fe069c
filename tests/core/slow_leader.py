"""``python -m tests.core.slow_leader FD PARENT``: the preloaded server, whose engines never become leaders of a process group.

An engine calls ``setsid`` first. Here it waits there for ever, so that tests can act on an engine before its group
exists.
"""

import os
import signal
import sys

from core.commands.cli import main
from core.commands.serve import serve

if __name__ == "__main__":
    os.setsid = signal.pause  # type: ignore[assignment]
    serve(int(sys.argv[1]), int(sys.argv[2]), engine=main, preload=lambda: None)
