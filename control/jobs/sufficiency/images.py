"""Whether a dataset has enough images for a job."""

from collections.abc import Sequence

from control.datasets.modalities import samples
from control.jobs.sufficiency.report import (
    Report,
    all_held_out,
    missing_column,
    reads_other,
    too_many_bad_samples,
    too_small,
)
from control.schemas import ProblemDetail
from core.formats.distinct_samples import merged
from core.formats.splits import by_hash
from core.spec.job import JobSpec
from core.spec.needs import rows_needed


def judge_images(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    """Why the job cannot run on these images; None if no reason is known."""
    image = spec.data.image
    if problem := missing_column(
        reports, "data.image.image_column", image.image_column, "image_columns", "column of images"
    ) or missing_column(
        reports, "data.image.label_column", image.label_column, "label_columns", "column of labels"
    ):
        return problem
    if reads_other(image.image_column, reports, "image_column"):
        return None
    bad = sum(report.found.get("bad", 0) for report in reports)
    return too_many_bad_samples(spec, reports, bad) or _too_few(spec, reports)


def _too_few(spec: JobSpec, reports: Sequence[Report]) -> ProblemDetail | None:
    different, train, held_out_by_name, exact = _count(spec, reports)
    needed = rows_needed(spec)
    if held_out_by_name and not train:
        return all_held_out("images")
    if different < 2:
        return too_small(
            "the dataset needs two different images at least: one to learn from and one held out for evaluation",
            case="two_images",
        )
    if train >= needed:
        return None
    return too_small(
        f"the dataset has {'' if exact else 'at most '}{train:,} different images to learn from and one batch takes "
        f"{needed:,}: add images, or lower training.batch_size",
        case="images",
        images=train,
        exact=exact,
        needed=needed,
    )


def _count(spec: JobSpec, reports: Sequence[Report]) -> tuple[int, int, int, bool]:
    """Number of distinct images, of training images, and of held-out images (by their names); and whether these are exact or upper
    bounds."""
    ledger = merged((report.ledger() for report in reports), held_out_anywhere=True)
    if ledger.complete:
        images = list(ledger.entries.values())
        held_out_by_name = sum(one.held_out for one in images)
        held_out = held_out_by_name
        if images and not held_out_by_name:
            held_out = sum(by_hash([one.content for one in images], spec.data.held_out_fraction))
        return len(images), len(images) - held_out, held_out_by_name, True
    different = sum(report.different for report in reports)
    held_out_by_name = sum(report.found.get("held_out", 0) for report in reports)
    if held_out_by_name >= sum(samples(report.found) for report in reports):
        return different, 0, held_out_by_name, False
    if any("ledger" in report.found for report in reports):
        # Some of the held-out images may be repeats.
        return different, different - 1, held_out_by_name, False
    return different, different - max(1, held_out_by_name), held_out_by_name, False
