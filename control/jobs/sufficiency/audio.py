"""Whether a dataset has enough recordings for a job."""

from collections.abc import Sequence

from control.jobs.sufficiency.report import Report, all_held_out, too_many_bad_samples, too_small
from control.schemas import ProblemDetail
from core.formats.distinct_samples import merged
from core.formats.splits import Recorded, split_recordings
from core.spec.job import JobSpec
from core.spec.needs import clips, rows_needed
from core.spec.patterns import find_group


def judge_audio(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    """Why the job cannot run on these recordings; None if no reason is known."""
    audio = spec.data.audio
    ledger = merged(report.ledger() for report in reports)
    bad = sum(report.found.get("bad", 0) for report in reports)
    if not ledger.complete:
        return too_many_bad_samples(spec, reports, bad) or _too_few_clips_at_most(spec, reports)
    long_enough = [one for one in ledger.entries.values() if one.size / one.rate >= audio.minimum_seconds]
    short = sum(one.count for one in ledger.entries.values() if one.size / one.rate < audio.minimum_seconds)
    if problem := too_many_bad_samples(spec, reports, bad + short, short):
        return problem
    recordings = [
        Recorded(one.content, find_group(audio.group_pattern, one.path), one.held_out) for one in long_enough
    ]
    if len(recordings) < 2:
        return _too_few_recordings()
    held_out = split_recordings(recordings, spec.data.held_out_fraction)
    if held_out is None:
        return all_held_out("recordings")
    there = sum(
        clips(one.size, one.rate, spec) for one, out in zip(long_enough, held_out, strict=True) if not out
    )
    return None if there >= rows_needed(spec) else _too_few_clips(spec, there)


def _too_few_clips_at_most(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    recordings = sum(report.different for report in reports)
    if recordings < 2:
        return _too_few_recordings()
    seconds = sum(3600 * report.found["sound"]["hours"] for report in reports if "sound" in report.found)
    most = recordings - 1 + int(seconds / spec.data.audio.clip_seconds) + 1
    return None if most >= rows_needed(spec) else _too_few_clips(spec, most, exact=False)


def _too_few_recordings() -> ProblemDetail:
    return too_small(
        "the dataset needs two different recordings at least: one to learn from and one held out for evaluation",
        case="two_recordings",
    )


def _too_few_clips(spec: JobSpec, there: int, *, exact: bool = True) -> ProblemDetail:
    needed = rows_needed(spec)
    return too_small(
        f"the dataset has {'' if exact else 'at most '}{there:,} clips to learn from and one batch takes {needed:,}: "
        "add recordings, or lower training.batch_size or data.audio.clip_seconds",
        case="clips",
        clips=there,
        exact=exact,
        needed=needed,
    )
