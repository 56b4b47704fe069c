"""The API's log is the service's."""

from control.logs import configure, through_logging

__all__ = ["configure", "through_logging"]
