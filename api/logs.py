"""Sets up the API's log in the format of the whole service."""

from control.logs import configure, through_logging

__all__ = ["configure", "through_logging"]
