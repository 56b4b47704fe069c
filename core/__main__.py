"""``python -m core``."""

import sys

from core import tracebacks
from core.commands.cli import main

if __name__ == "__main__":
    tracebacks.install()
    sys.exit(main())
