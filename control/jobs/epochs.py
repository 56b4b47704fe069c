"""What is known at submit about the steps of a job that gives ``training.epochs``: an upper bound of them. Pure."""

from collections.abc import Callable, Sequence

from control.datasets.models import DatasetFile
from control.jobs.sufficiency.report import Report, reads_other
from control.schemas import ProblemDetail
from core.spec.epochs import most_steps, with_steps
from core.spec.job import JobSpec
from core.spec.needs import most_rows, most_tokens
from core.spec.problems import SpecError


def steps_at_most(spec: JobSpec, files: Sequence[DatasetFile]) -> int | None:
    """The steps of a job, or an upper bound of them from the inspection reports of its files; None if none is known."""
    if spec.training.epochs is None:
        return spec.training.total_steps
    samples = _MOST[spec.task.modality](spec, [Report(file.name, file.bytes, file.report) for file in files])
    return None if samples is None else most_steps(spec.training, samples)


def problems(spec: JobSpec, steps: int | None, *, checkpoint_step: int | None = None) -> list[ProblemDetail]:
    """What does not fit a job of epochs even if it has as many steps as it can have.

    Args:
        steps: The upper bound.
        checkpoint_step: The step at which it begins, where it goes on from a checkpoint.
    """
    if steps is None or spec.training.epochs is None:
        return []
    if checkpoint_step is not None and steps <= checkpoint_step:
        message = (
            f"{spec.training.epochs:g} epochs are at most {steps:,} steps, and the checkpoint is at step "
            f"{checkpoint_step:,} already; ask for more epochs"
        )
        params = {"case": "epochs", "epochs": spec.training.epochs, "steps": steps, "step": checkpoint_step}
        return [ProblemDetail(param="training.epochs", code="steps_done", message=message, params=params)]
    try:
        with_steps(spec, steps)
    except SpecError as error:
        return [
            ProblemDetail(
                param=problem.param,
                code=problem.code,
                message=f"{spec.training.epochs:g} epochs of this dataset are at most {steps:,} steps: {problem.message}",
                params={**problem.params, "epochs": spec.training.epochs, "most_steps": steps},
            )
            for problem in error.problems
        ]
    return []


def _images(spec: JobSpec, reports: Sequence[Report]) -> int | None:
    if reads_other(spec.data.image.image_column, reports, "image_column"):
        return None
    images: int = sum(report.different for report in reports)
    return images


def _clips(spec: JobSpec, reports: Sequence[Report]) -> int | None:
    seconds: float = sum(
        3600 * report.found["sound"]["hours"] for report in reports if "sound" in report.found
    )
    recordings: int = sum(report.different for report in reports)
    return recordings + int(seconds / spec.data.audio.clip_seconds) + 1


def _rows(spec: JobSpec, reports: Sequence[Report]) -> int | None:
    """Of a text of which each document is a sample these are at most the documents, or the rows if there are more."""
    if reads_other(spec.data.text_column, reports, "text_column"):
        return None
    documents = sum(report.found.get("documents", 0) for report in reports)
    characters = sum(report.found.get("characters", 0) for report in reports)
    tokens = most_tokens(spec.data.tokenizer, characters=characters, size=4 * characters)
    if tokens is None:
        return None
    rows: int = max(documents, most_rows(spec, tokens=tokens + documents, documents=documents))
    return rows


_MOST: dict[str, Callable[[JobSpec, Sequence[Report]], int | None]] = {
    "text": _rows,
    "image": _images,
    "audio": _clips,
}
