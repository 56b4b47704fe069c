"""Run a command; when it has ended, or this process is told to end, nothing that it started is left.

``python -m benchmarks._contained DIRECTORY COMMAND [ARGUMENT ...]`` runs the command in the directory and exits with
its code, 128 + N after signal N.
Told to end by SIGTERM it sends the command SIGINT, upon which pytest tears its fixtures down, waits, and kills.
"""

import os
import signal
import subprocess
import sys

from benchmarks._processes import end_descendants, run
from worker.parent_death import die_with_parent, dies_with_parent

_GRACE_SECONDS = 15.0


def main() -> int:
    """Run the command of the arguments to its end."""
    die_with_parent(os.getppid(), signal.SIGTERM)
    process = subprocess.Popen(
        sys.argv[2:],
        cwd=sys.argv[1],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=dies_with_parent(),  # noqa: PLW1509 - one prctl, resolved beforehand
    )
    try:
        code = process.wait()
    except SystemExit:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
    finally:
        end_descendants(0.0)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    run(main)
