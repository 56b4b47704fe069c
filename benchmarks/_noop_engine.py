"""An engine that trains nothing but uses the real protocol, so that only the cost of the service is measured."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence


def run(argv: Sequence[str]) -> int:
    """One run: sends the events started, prepared, metrics (one point) and finished."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events-fd", type=int, required=True)
    arguments, _ = parser.parse_known_args(argv)
    with os.fdopen(arguments.events_fd, "w", encoding="utf-8") as events:
        for event in (
            {
                "event": "started",
                "pid": os.getpid(),
                "device": "cpu",
                "device_name": "none",
                "threads": 1,
                "precision": "fp32",
                "torch": "none",
                "resumed_from_step": 0,
            },
            {
                "event": "prepared",
                "documents": 1,
                "documents_held_out": 1,
                "tokens": 1,
                "tokens_held_out": 1,
                "vocabulary_size": 1,
                "cached": True,
                "parameters": 0,
            },
            {"event": "metrics", "step": 1, "values": {"train/loss": 0.0}},
            {"event": "finished", "step": 1, "reason": "completed", "values": {}},
        ):
            events.write(json.dumps({**event, "time": time.time()}) + "\n")
    return 0


def main() -> int:
    """``serve --fd N --parent PID``: the command by which the worker starts its preloaded server."""
    from core.commands.serve import serve  # noqa: PLC0415 - imports no torch until it preloads

    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--parent", type=int)
    arguments = parser.parse_args()
    return serve(arguments.fd, arguments.parent, engine=run, preload=lambda: None)


if __name__ == "__main__":
    sys.exit(main())
