"""Whether a dataset is large enough for a job, from the inspection reports of its files: the same answer that the engine would give
after preparing the data.

Images and recordings are counted exactly as long as inspection recorded all distinct samples of a file (`core.formats.distinct_samples`);
for larger files, whose samples suffice for any ordinary batch, an upper bound counts. Of text, the number of distinct
documents is exact; tokens are bounded from above (`core.spec.needs`), exactly for bytes and characters. A column that the spec
names and that was not read at the upload is only checked to exist. So nothing is refused that could run; what is accepted may
turn out too small only where tokens are few for a trained or uploaded tokenizer, or where another column is read.
"""

from collections.abc import Callable, Sequence

from control.datasets.models import DatasetFile
from control.jobs.sufficiency.audio import judge_audio
from control.jobs.sufficiency.images import judge_images
from control.jobs.sufficiency.labels import counted, judge_labels, rare_classes
from control.jobs.sufficiency.report import Report
from control.jobs.sufficiency.text import judge_text
from control.jobs.sufficiency.transcripts import judge_transcripts
from control.schemas import ProblemDetail
from core.spec.job import JobSpec

_RULES: dict[str, Callable[[JobSpec, Sequence[Report]], ProblemDetail | None]] = {
    "text": judge_text,
    "image": judge_images,
    "audio": judge_audio,
}


def shortcoming(modality: str, spec: JobSpec, files: Sequence[DatasetFile]) -> ProblemDetail | None:
    """Why the job cannot run on these files; None if no reason is known."""
    reports = _reports(files)
    if spec.task.reads_transcripts and (problem := judge_transcripts(spec, reports)):
        return problem
    return _RULES[modality](spec, reports) or judge_labels(spec, reports)


def label_warning(spec: JobSpec, files: Sequence[DatasetFile]) -> ProblemDetail | None:
    """What of the labels will hardly be learned, where the task learns labels."""
    return rare_classes(spec, _reports(files))


def class_names(spec: JobSpec, files: Sequence[DatasetFile]) -> set[str] | None:
    """Names of the classes that the job learns; None where it learns none, or inspection does not know them."""
    classes = counted(spec, _reports(files))
    return None if classes is None else set(classes)


def class_count(spec: JobSpec, files: Sequence[DatasetFile]) -> int | None:
    """Number of these classes."""
    classes = class_names(spec, files)
    return None if classes is None else len(classes)


def _reports(files: Sequence[DatasetFile]) -> list[Report]:
    # In the order in which the engine reads them.
    return [Report(file.name, file.bytes, file.report) for file in sorted(files, key=lambda file: file.name)]
