"""The version of the software."""

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """As the installed distribution says; ``0+unknown`` where it runs from a source tree that is not installed."""
    try:
        return metadata.version("seedbed-server")
    except metadata.PackageNotFoundError:
        return "0+unknown"
