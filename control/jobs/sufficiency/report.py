"""What inspection found in a file, and the problems that more than one modality has."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from control.datasets.modalities import READING, samples
from control.schemas import ProblemDetail
from core.formats.bad_share import too_many_bad
from core.formats.distinct_samples import DistinctSamples
from core.spec.job import JobSpec

_TABLES = {"csv", "jsonl", "parquet"}


@dataclass(frozen=True)
class Report:
    """What inspection found in a file."""

    name: str
    bytes: int
    found: dict[str, Any]

    def ledger(self, name: str = "ledger") -> DistinctSamples:
        return DistinctSamples.of(self.found.get(name))

    @property
    def different(self) -> int:
        """Upper bound of the number of distinct samples."""
        repeated: int = self.found.get("duplicates", self.found.get("repeats", 0))
        return samples(self.found) - repeated


def missing_column(
    reports: Iterable[Report], param: str, wanted: str | None, known: str, what: str
) -> ProblemDetail | None:
    """The problem of a table that lacks the column named by the spec."""
    for report in reports:
        columns = report.found.get(known)
        if wanted is None or columns is None or wanted in columns:
            continue
        return ProblemDetail(
            param=param,
            code="data_unreadable",
            message=f"{report.name} has no {what} {wanted!r}; it has {', '.join(map(repr, columns[:20])) or 'none'}",
            params={
                "case": "column",
                "file": report.name,
                "column": wanted,
                "kind": what,
                "columns": columns[:20],
            },
        )
    return None


def reads_other(wanted: str | None, reports: Iterable[Report], used: str) -> bool:
    """Whether the spec names another column than inspection has read, so that the report does not apply."""
    return wanted is not None and any(
        (report.found.get(used) or (report.found.get(READING) or {}).get("column")) not in {wanted, None}
        or (report.found.get(used) is None and report.found.get("kind") in _TABLES)
        for report in reports
    )


def all_held_out(what: str) -> ProblemDetail:
    more = what
    if what == "recordings":
        more = "recordings, or recordings of other groups (data.audio.group_pattern)"
    return too_small(
        f"all {what} of the dataset are set aside for evaluation, by the names of their files or folders "
        f"(test, val, validation …) or by their group, and none is left to learn from: add {more}, or rename what is "
        "to be learned from",
        case="all_held_out",
        samples=what,
    )


def too_many_bad_samples(
    spec: JobSpec, reports: Sequence[Report], bad: int, short: int = 0
) -> ProblemDetail | None:
    seen = sum(samples(report.found) + report.found.get("bad", 0) for report in reports)
    if spec.data.on_bad_sample == "skip" or not too_many_bad(bad, seen):
        return None
    reasons = [reason for report in reports for _, reason, *_ in report.found.get("bad_samples", ())]
    if short:
        reasons.append(f"shorter than data.audio.minimum_seconds ({spec.data.audio.minimum_seconds:g})")
    return ProblemDetail(
        param="data.on_bad_sample",
        code="too_many_bad_samples",
        message=(
            f"{bad:,} of {seen:,} samples cannot be used, more than 1 % ({'; '.join(reasons[:3])}): correct or remove "
            "them, or set data.on_bad_sample to skip"
        ),
        params={"case": "dataset", "bad": bad, "seen": seen, "first": reasons[:3]},
    )


def too_small(message: str, **params: Any) -> ProblemDetail:
    return ProblemDetail(param="dataset", code="dataset_too_small", message=message, params=params)
