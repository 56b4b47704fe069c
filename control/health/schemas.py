"""Health over HTTP."""

from typing import Literal

from control.schemas import Resource


class Alive(Resource):
    status: Literal["alive"] = "alive"


class Readiness(Resource):
    ready: bool
    database: str
    """``ok``, or what kind of failure."""
    broker: str
    storage: str
