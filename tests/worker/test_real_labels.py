"""Labels that cannot be learned, with the real engine: a job fails and says which file and line is at fault.

The datasets here have no census of labels, as those from an earlier version, so that nothing is refused when a job is submitted.
"""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import pytest

from control.db import write
from control.jobs import service as jobs
from core.formats.tables.reading import AS_FOUND
from core.inspection.readers import read
from core.spec.problems import validate
from tests.control.jobs.test_admission_by_data import _CLASSES, _picture
from tests.control.jobs.test_admission_of_text_labels import TAGGED
from tests.control.jobs.test_admission_of_text_labels import job as text_job
from tests.control.jobs.test_admission_of_transcripts import ALL, recordings, table
from tests.control.jobs.test_admission_of_transcripts import job as speech_job
from tests.worker.conftest import Bench

pytestmark = pytest.mark.usefixtures("real_worker")


def _zip(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _csv(*labels: str) -> bytes:
    return ("text,label\n" + "".join(f"text {n},{label}\n" for n, label in enumerate(labels))).encode()


def _pictures(*names: str) -> bytes:
    return _zip({name: _picture(seed) for seed, name in enumerate(names)})


CLASSES = ["a", "b"] * 6
PAIRS = [f"{part}/{kind}/{n}.png" for part in ("train", "test") for kind in ("cat", "dog") for n in range(4)]
NUMBERS = text_job("text_classification", task={"target": "number"})
TEXT, TAGS, SPEECH = text_job("text_classification"), text_job("token_classification"), speech_job()
FAILURES: dict[str, tuple[dict[str, Any], str, bytes, str, str]] = {
    "a text without a label": (TEXT, "a.csv", _csv(*CLASSES, ""), "labels_missing", "a.csv, line 14"),
    "one class": (TEXT, "a.csv", _csv(*["a"] * 9), "too_few_classes", "only 'a'"),
    "a word for a number": (NUMBERS, "a.csv", _csv("1", "2", "many"), "data_unreadable", "a.csv: line 4: "),
    "a class that is only held out": (
        TEXT,
        "a.zip",
        _zip({"train.csv": _csv(*CLASSES), "test.csv": _csv("a", "c")}),
        "unseen_classes",
        "'c' (a.zip (test.csv), line 3)",
    ),
    "columns that change": (
        TAGS,
        "a.conll",
        f"{TAGGED}Ann B-PER x\n".encode(),
        "data_unreadable",
        "a.conll: line 49 has",
    ),
    "a tag of no scheme": (
        TAGS,
        "a.conll",
        f"{TAGGED}Ann\tI-PER\nBo\tB-ORG\n".encode(),
        "data_unreadable",
        "a.conll: line 49: 'I-PER'",
    ),
    "a picture without a class": (
        _CLASSES,
        "a.zip",
        _pictures(*PAIRS, "train/9.png"),
        "labels_missing",
        "the first in a.zip (train/9.png)",
    ),
    "a class of pictures that is only held out": (
        _CLASSES,
        "a.zip",
        _pictures(*PAIRS, "test/mouse/1.png"),
        "unseen_classes",
        "'mouse' (a.zip (test/mouse/1.png))",
    ),
    "a transcript without its recording": (
        SPEECH,
        "a.zip",
        _zip(recordings() | {"t.csv": table(*ALL, "9.wav")}),
        "transcript_without_recording",
        "a.zip (t.csv), line 10: '9.wav'",
    ),
    "a recording without a transcript": (
        SPEECH,
        "a.zip",
        _zip(recordings() | {"t.csv": table(*ALL[1:])}),
        "labels_missing",
        "a.zip/0.wav",
    ),
}


def _submitted(bench: Bench, document: dict[str, Any], name: str, content: bytes, **known: Any) -> str:
    spec = validate(document)
    report = {"documents": 100, "samples": 100, "characters": len(content), "kind": "zip"} | known
    dataset = bench._dataset(content, name, spec.task.modality, report)
    with write(bench.database) as session:
        return jobs.submit(session, bench.project, validate({**document, "dataset": dataset})).id


def test_a_failure_says_which_file_and_line_is_at_fault(bench: Bench) -> None:
    submitted = {
        case: _submitted(bench, document, name, content)
        for case, (document, name, content, _, _) in FAILURES.items()
    }
    for job_id in submitted.values():
        bench.await_state(job_id, "succeeded", "failed")
    for case, (*_, code, said) in FAILURES.items():
        job = bench.job(submitted[case])
        assert job.state == "failed", case
        assert job.failure is not None
        assert job.failure["code"] == code, (case, job.failure)
        assert said in job.failure["message"], (case, job.failure)
        assert job.failure["hint"], case


def test_an_archive_of_recordings_with_transcripts_is_learned(bench: Bench) -> None:
    content = _zip(recordings() | {"t.csv": table(*ALL)})
    report, _ = read(io.BytesIO(content), "a.zip", "audio", AS_FOUND)
    job_id = _submitted(bench, SPEECH, "a.zip", content, **report)
    job = bench.await_state(job_id, "succeeded", "failed")
    assert job.state == "succeeded", job.failure
