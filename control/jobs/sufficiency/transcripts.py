"""Whether the transcripts of a dataset suffice for a task that learns from them, as far as inspection knows.

It reads tables by the names of their columns, and matches the transcripts of a file with the recordings of the same file.
Where the spec names columns, or where not all names of recordings are recorded, only the engine knows.
"""

from collections.abc import Sequence
from typing import Any

from control.jobs.sufficiency.report import Report
from control.schemas import ProblemDetail
from core.formats.audio.transcript import Transcript
from core.formats.audio.transcript_matching import RecordingNames
from core.formats.distinct_samples import DistinctSample, merged
from core.formats.errors import FormatError, Place, printable, where
from core.spec.job import JobSpec

_ARCHIVES = {"zip", "tar"}
_AMONG_FILES = {"several_recordings", "two_texts"}
"""Problems of names within a file that the recordings of another one may solve."""


def judge_transcripts(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    """Why the job cannot learn from these transcripts; None if no reason is known."""
    audio = spec.data.audio
    named = audio.file_column or audio.transcript_column or audio.split_column
    if named or any("transcripts" not in report.found for report in reports):
        return None
    found = [(report, told) for report in reports if (told := report.found["transcripts"])]
    if not found:
        return _refused(
            "dataset",
            "transcripts_missing",
            f"no recording has a transcript, which {spec.task.kind} learns from: add a table (CSV, TSV, JSON Lines or Parquet) with a "
            "column that names the recording and one with its transcript, or set data.audio.file_column and "
            "data.audio.transcript_column",
            case="dataset",
            task=spec.task.kind,
        )
    for _, told in found:
        if problem := told["problem"]:
            if len(reports) > 1 and problem["params"].get("case") in _AMONG_FILES:
                return None
            return _refused(
                "dataset",
                "data_unreadable",
                f"{problem['message']}: upload the corrected file",
                case="transcripts",
                problem=problem,
            )
    return _without_recording(spec, reports, found) or _without_transcript(spec, reports, found)


def _without_recording(
    spec: JobSpec, reports: Sequence[Report], found: Sequence[tuple[Report, dict[str, Any]]]
) -> ProblemDetail | None:
    alone = len(reports) == 1
    if spec.data.on_missing_label == "skip" and not (alone and not found[0][1]["matched"]):
        return None
    names = None if alone else _names(reports)
    if names is None and not alone:
        return None
    for report, told in found:
        for member, line, recording in told.get("lost", ()):
            place = Place(report.name, member)
            if names is not None and _is_there(names, Transcript(recording, "", place, line, None)):
                continue
            at = where(place, line)
            return _refused(
                "data.on_missing_label",
                "transcript_without_recording",
                f"{at}: the dataset has no recording {printable(recording)!r}: add the recording, correct its name, or set "
                "data.on_missing_label to skip",
                case="dataset",
                where=at,
                recording=printable(recording),
            )
    return None


def _names(reports: Sequence[Report]) -> RecordingNames | None:
    """The recordings of all files; None where inspection has not recorded all their names."""
    paths = []
    for report in reports:
        ledger = report.ledger()
        if not ledger.complete or report.found.get("bad") or report.found.get("duplicates"):
            return None
        packed = report.found.get("kind") in _ARCHIVES
        paths += [f"{report.name}/{one.path}" if packed else report.name for one in ledger.entries.values()]
    return RecordingNames(paths)


def _is_there(names: RecordingNames, transcript: Transcript) -> bool:
    try:
        return names.find(transcript) is not None
    except FormatError:
        return True  # several are: the engine says which


def _without_transcript(
    spec: JobSpec, reports: Sequence[Report], found: Sequence[tuple[Report, dict[str, Any]]]
) -> ProblemDetail | None:
    ledger = merged(report.ledger() for report in reports)
    if spec.data.on_missing_label == "skip" or not ledger.complete:
        return None
    least = spec.data.audio.minimum_seconds
    recordings = sum(_seconds(one) >= least for one in ledger.entries.values())
    told = [told for _, told in found]
    most = told[0]["matched"] if len(reports) == 1 else sum(one["rows"] - one["repeated"] for one in told)
    if recordings <= most:
        return None
    return _refused(
        "data.on_missing_label",
        "labels_missing",
        f"at least {recordings - most:,} of the dataset's {recordings:,} recordings have no transcript: give each one, or set "
        "data.on_missing_label to skip",
        case="recordings",
        without=recordings - most,
        recordings=recordings,
    )


def _seconds(one: DistinctSample) -> float:
    return one.size / one.rate


def _refused(param: str, code: str, message: str, **params: Any) -> ProblemDetail:
    return ProblemDetail(param=param, code=code, message=message, params=params)
