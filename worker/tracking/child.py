"""The process of one sink: ``python -m worker.tracking.child MODULE``.

It reads JSON lines from standard input: an `Opening`, then one line for each step's points, then how the attempt ended. At an error it
writes one line, ``{"kind": …, "error": …}``, to standard output, and exits. Whatever a client library prints goes to standard error.
"""

import importlib
import json
import os
import sys

from worker.tracking.sink import Opening, Sink


def main(module: str) -> int:
    """Run a sink until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    os.nice(10)  # training comes first
    try:
        _run(module)
    except Exception as error:  # noqa: BLE001 - every error of a client library is told in the same way
        answers.write(json.dumps({"kind": type(error).__name__, "error": str(error)[:500]}) + "\n")
        return 1
    return 0


def _run(module: str) -> None:
    sink: Sink = importlib.import_module(module).open_sink(Opening(**json.loads(sys.stdin.readline())))
    ending = "stopped"
    for line in sys.stdin:
        message = json.loads(line)
        if "ending" in message:
            ending = message["ending"]
            break
        sink.points(
            message["step"],
            message["time"],
            {name: float(value) for name, value in message["values"].items()},
        )
    sink.close(ending)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
