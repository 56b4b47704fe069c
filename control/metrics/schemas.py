"""HTTP schemas of metrics: columns, not rows, because charts take arrays."""

from typing import Literal

from pydantic import Field

from control.schemas import Resource


class Series(Resource):
    """Points of one metric in order of step; the arrays are equally long.

    A value that is not finite is ``null`` here, and named in ``not_finite``.
    """

    steps: list[int]
    values: list[float | None]
    """The value at the step; in a bucketed answer the bucket's last."""
    times: list[float]
    """Unix seconds."""
    min: list[float | None] | None = None
    """Least value of the bucket; absent if points were not bucketed."""
    max: list[float | None] | None = None
    not_finite: dict[str, str] = Field(default_factory=dict)
    """Step → ``nan``, ``inf`` or ``-inf``."""


class MetricsOut(Resource):
    object: Literal["metrics"] = "metrics"
    job: str
    series: dict[str, Series]
    """Metric name → its points."""
    next: int
    """Cursor: pass as ``?after=`` to get what was written since."""
    has_more: bool = False
    """Whether more points exist than this response holds; request them with ``next``."""
