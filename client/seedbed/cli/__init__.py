"""The ``seedbed`` command.

Results go to standard output, as text for people or with ``--json`` for programs; progress and errors go to
standard error. Exit codes: see `seedbed.cli.errors`.
"""

import sys

from seedbed.cli.app import main


def run() -> None:
    """Entry point of the installed command."""
    sys.exit(main())


__all__ = ["main", "run"]
