"""Structured logs of every process of the service: one entry of bounded size for each event, without local variables or secrets."""

from control.logs.setup import configure, through_logging

__all__ = ["configure", "through_logging"]
