"""``python -m tests.core.mortal FD PARENT``: the preloaded server, whose engines are killed as they begin a step.

SIGKILL is sent at the step in ``DIES_AT_STEP`` of an engine's environment, independent of the load of the machine.
"""

import os
import signal
import sys
from typing import Any

from core.commands.cli import main
from core.commands.serve import preload, serve


def preload_mortal() -> None:
    preload()
    from core.training import loop  # noqa: PLC0415 - not before `preload` has set what libraries read on import

    optimize = loop.optimize

    def optimize_or_die(run: Any, parts: Any) -> Any:
        if run.step == int(os.environ.get("DIES_AT_STEP", "0")):
            os.kill(os.getpid(), signal.SIGKILL)
        return optimize(run, parts)

    loop.optimize = optimize_or_die


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), engine=main, preload=preload_mortal)
