"""Structured logs of every process of the service: one bounded entry an event, without local variables or secrets."""

from control.logs.setup import configure, through_logging

__all__ = ["configure", "through_logging"]
