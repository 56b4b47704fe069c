"""The report of an evaluation: measures with their intervals, and the differences of two checkpoints."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.assessment.section import Section
from core.evaluation.bootstrap import LEVEL, RESAMPLES, SEED, Interval, intervals, mcnemar, paired_intervals
from core.spec.metrics import Metric


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are computed."""

    resamples: int = RESAMPLES
    level: float = LEVEL
    seed: int = SEED

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of `core.evaluation.bootstrap.intervals`."""
        return asdict(self)


def report(
    sections: Sequence[Section], against: Sequence[Section] | None, resampling: Resampling
) -> list[dict[str, Any]]:
    """The sections as JSON; numbers that are not finite are null.

    Args:
        against: those of the checkpoint that it is compared with.
    """
    others = {section.name: section for section in against or ()}
    return [_section(section, others.get(section.name), resampling) for section in sections]


def _section(section: Section, other: Section | None, resampling: Resampling) -> dict[str, Any]:
    own = _intervals(section, resampling)
    document: dict[str, Any] = {
        "name": section.name,
        "counted": section.counted,
        "unit": section.unit,
        "units": section.units,
        "paired": None,
        "measures": [],
        "documents": list(section.documents),
    }
    theirs: dict[str, Interval] = {}
    differences: dict[str, Interval] = {}
    if other is not None:
        theirs = _intervals(other, resampling)
        paired = section.identity == other.identity and section.units == other.units
        document["paired"] = paired
        if paired and section.measure is not None and other.measure is not None:
            differences = paired_intervals(
                other.measure, section.measure, section.units, **resampling.options
            )
    for name, metric in _in_order(section):
        value = section.values[name]
        measure: dict[str, Any] = {
            "name": name,
            "title": metric.title,
            "unit": metric.unit,
            "better": metric.better,
            "hint": metric.hint,
            **_value(value, own.get(name)),
            "against": None,
            "difference": None,
            "mcnemar": None,
        }
        if other is not None and name in other.values:
            measure["against"] = _value(other.values[name], theirs.get(name))
            measure["difference"] = _value(value - other.values[name], differences.get(name))
            if document["paired"] and name in section.correct and name in other.correct:
                measure["mcnemar"] = asdict(mcnemar(section.correct[name], other.correct[name]))
        document["measures"].append(measure)
    return document


def _intervals(section: Section, resampling: Resampling) -> dict[str, Interval]:
    return {} if section.measure is None else intervals(section.measure, section.units, **resampling.options)


def _in_order(section: Section) -> list[tuple[str, Metric]]:
    """The section's measures in the order of its metrics, then those that no metric describes."""
    known: Mapping[str, Metric] = {metric.name: metric for metric in section.metrics}
    names = [name for name in known if name in section.values]
    names += [name for name in section.values if name not in known]
    return [
        (name, known.get(name, Metric(name, name.replace("_", " ").replace("/", " ").capitalize())))
        for name in names
    ]


def _value(value: float, interval: Interval | None) -> dict[str, float | None]:
    return {
        "value": value if math.isfinite(value) else None,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
    }
