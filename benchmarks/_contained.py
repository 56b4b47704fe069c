"""Run a command and leave no process behind, when the command ends and when this process is terminated.

``python -m benchmarks._contained DIRECTORY COMMAND [ARGUMENT ...]`` runs the command in the directory and exits with
its code, or with 128 + N if signal N killed it.
On SIGTERM it sends SIGINT to the command (pytest then tears its fixtures down), waits 15 s, and kills it.
"""

import os
import signal
import subprocess
import sys

from benchmarks._processes import end_descendants, run
from worker.parent_death import die_with_parent, dies_with_parent

_GRACE_SECONDS = 15.0


def main() -> int:
    """Run the command given by the arguments until it ends."""
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
