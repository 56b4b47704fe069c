"""Jobs that distil a checkpoint: what is accepted, what is refused with which field, and how long the teacher stays."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from control.checkpoints import deletion
from control.datasets import service as datasets
from control.datasets.models import DatasetFile
from control.datasets.schemas import DatasetIn
from control.db import WriteSession
from control.errors import Conflict, SeedbedError
from control.jobs import service as jobs
from control.jobs.schemas import ForkIn
from control.lifecycle import repository
from control.lifecycle.intents import request
from control.lifecycle.models import Event, Job
from control.lifecycle.repository import lock_of_project
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.estimate import KIND as ESTIMATE
from control.short_jobs.kinds.estimate import EstimateOptions
from control.storage.local import LocalStorage
from core.spec.estimate import estimate
from core.spec.problems import validate
from tests.control.jobs.test_continuation import images
from tests.factories import (
    make_checkpoint,
    make_dataset,
    make_job,
    make_project,
    make_running,
    make_spec,
    make_worker,
)

NOWHERE = "ckpt_" + "0" * 26
LARGE = {"preset": "bert-mini"}


def taught(session: WriteSession, job: Job, teacher: str, dataset: str | None = None, **changes: Any) -> Job:
    """A student on the same data, or on others."""
    distillation = {"teacher": teacher} | changes.pop("distillation", {})
    given = dataset or job.dataset_id
    return make_job(session, job.project_id, dataset=given, distillation=distillation, **changes)


def refused(session: WriteSession, job: Job, **changes: Any) -> SeedbedError:
    spec = make_spec(job.dataset_id, **changes)
    said = jobs.validate_document(session, job.project_id, spec.model_dump(mode="json", exclude_unset=True))
    with pytest.raises(SeedbedError) as caught:
        jobs.submit(session, job.project_id, spec)
    assert said.errors == list(caught.value.errors), "validation says what a submit would"
    return caught.value


def test_a_student_takes_the_tokenizer_and_a_worker_gets_the_teacher(session: WriteSession) -> None:
    job, claim = make_running(session, model=LARGE)
    teacher = make_checkpoint(session, claim, 20)
    other = make_dataset(session, job.project_id)
    student = taught(session, job, teacher.id, other)
    assert student.teacher_checkpoint_id == teacher.id
    assert student.parent_checkpoint_id is None
    assert student.spec["data"]["tokenizer"]["kind"] == "checkpoint"
    plain = make_job(session, job.project_id, dataset=other)
    assert student.memory_bytes > plain.memory_bytes
    got = jobs.claim(session, make_worker(session))
    assert got
    assert got.job_id == student.id
    assert got.teacher is not None
    assert (got.teacher.id, got.checkpoints) == (teacher.id, ())


def test_half_a_teacher_is_filled_in_and_kept_with_the_job(session: WriteSession) -> None:
    job, claim = make_running(session, model=LARGE)
    teacher = make_checkpoint(session, claim, 20)
    student = taught(session, job, teacher.id, distillation={"student": "every_other"}, model={})
    size = validate(student.spec).size
    assert (size.layers, size.hidden_size) == (2, 256)


def test_a_teacher_stays_until_its_students_have_ended(session: WriteSession, tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    job, claim = make_running(session)
    teacher = make_checkpoint(session, claim, 20)
    newest = make_checkpoint(session, claim, 30)
    jobs.finish(session, job.id, 1, jobs.Completed())
    student = taught(session, job, teacher.id)
    own = jobs.claim(session, make_worker(session))
    assert own
    # Also with a checkpoint of its own: each attempt runs the teacher.
    make_checkpoint(session, own, 10)
    with pytest.raises(Conflict) as caught:
        deletion.delete(session, storage, job.project_id, teacher.id)
    assert caught.value.code == "checkpoint_in_use"
    with pytest.raises(Conflict) as caught:
        jobs.delete(session, storage, job.project_id, job.id)
    assert caught.value.code == "job_in_use"
    jobs.finish(session, student.id, 1, jobs.Completed())
    deletion.delete(session, storage, job.project_id, teacher.id)
    assert newest.deleted_at is None


def test_teachers_that_are_not_there_are_refused(session: WriteSession) -> None:
    job, claim = make_running(session)
    teacher = make_checkpoint(session, claim, 20)
    unknown = refused(session, job, distillation={"teacher": NOWHERE})
    assert (unknown.code, unknown.param) == ("checkpoint_not_found", "distillation.teacher")
    unnamed = refused(session, job, distillation={})
    assert (unnamed.code, unnamed.param) == ("validation_failed", "distillation.teacher")
    elsewhere = make_job(session, make_project(session))
    other = refused(session, elsewhere, distillation={"teacher": teacher.id})
    assert (other.code, other.param) == ("checkpoint_not_found", "distillation.teacher")


@pytest.mark.parametrize("swapped", [False, True])
def test_start_and_teacher_are_locked_in_one_order(
    session: WriteSession, monkeypatch: pytest.MonkeyPatch, *, swapped: bool
) -> None:
    """Otherwise two submissions that name them the other way round would wait for each other."""
    first, claim = make_running(session)
    one = make_checkpoint(session, claim, 20)
    second, claim = make_running(session, project_id=first.project_id, dataset=first.dataset_id)
    other = make_checkpoint(session, claim, 20)
    locked: list[str] = []

    def lock(session: WriteSession, project_id: str, job_id: str, **chosen: Any) -> Job | None:
        locked.append(job_id)
        return lock_of_project(session, project_id, job_id, **chosen)

    monkeypatch.setattr(repository, "lock_of_project", lock)
    start, teacher = (other, one) if swapped else (one, other)
    taught(session, first, teacher.id, start={"checkpoint": start.id, "scope": "weights"})
    assert locked[:2] == sorted([first.id, second.id])


def test_teachers_that_do_not_fit_are_refused_with_the_field(session: WriteSession) -> None:
    job, claim = make_running(session)
    teacher = make_checkpoint(session, claim, 20).id
    vocabulary = refused(
        session, job, distillation={"teacher": teacher}, data={"tokenizer": {"kind": "byte"}}
    )
    assert (vocabulary.code, vocabulary.param) == ("validation_failed", "data.tokenizer.kind")
    outputs = refused(session, job, distillation={"teacher": teacher}, task={"kind": "causal_lm"}, model={})
    assert (outputs.code, outputs.param) == ("validation_failed", "distillation.logits")


def test_a_student_larger_than_its_teacher_is_warned_of(session: WriteSession) -> None:
    job, claim = make_running(session)
    teacher = make_checkpoint(session, claim, 20)
    spec = make_spec(job.dataset_id, distillation={"teacher": teacher.id}, model=LARGE)
    found = jobs.validate_document(session, job.project_id, spec.model_dump(mode="json", exclude_unset=True))
    assert found.valid
    assert [warning.code for warning in found.warnings if warning.param == "model"] == ["student_larger"]
    student = jobs.submit(session, job.project_id, spec)
    said = session.query(Event).filter_by(job_id=student.id, type="warning").all()
    assert [event.data["code"] for event in said] == ["student_larger"]


def test_an_estimate_of_a_student_has_the_teacher(session: WriteSession) -> None:
    job, claim = make_running(session)
    teacher = make_checkpoint(session, claim, 20)
    spec = make_spec(job.dataset_id, distillation={"teacher": teacher.id})
    asked = short_jobs.create_from_spec(session, ESTIMATE, job.project_id, spec, EstimateOptions())
    assert asked.teacher_checkpoint_id == teacher.id


def test_a_student_is_shown_beside_its_teacher_and_the_same_student_alone(session: WriteSession) -> None:
    job, claim = make_running(session, model=LARGE)
    teacher = make_checkpoint(session, claim, 20, {"eval/loss": 3.0})
    job.latest = {"eval/loss": 2.5, "train/samples_per_s": 10.0}
    small = {"preset": "bert-tiny"}
    student = taught(session, job, teacher.id, model=small)
    first = jobs.job_out(session, student).distillation
    assert first is not None
    assert (first.checkpoint, first.step, first.alone, first.speed_ratio) == (teacher.id, 20, None, None)
    assert first.teacher is not None
    assert (first.teacher.id, first.teacher.values) == (job.id, {"eval/loss": 3.0})
    assert first.size_ratio == pytest.approx(first.parameters / (first.teacher_parameters or 0))
    assert first.size_ratio < 1
    alone = make_job(session, job.project_id, dataset=job.dataset_id, model=small)
    # Another network, and another number of steps, are other jobs.
    others = [
        make_job(session, job.project_id, dataset=job.dataset_id, model=LARGE),
        make_job(
            session,
            job.project_id,
            dataset=job.dataset_id,
            model=small,
            training={"steps": 9, "batch_size": 8},
        ),
    ]
    taken = {"start": {"checkpoint": teacher.id, "scope": "weights"}}
    others.append(make_job(session, job.project_id, dataset=job.dataset_id, model=small))
    others[-1].spec = others[-1].spec | taken
    for one in (alone, *others):
        one.state, one.finished_at = "succeeded", datetime.now(UTC)
        one.latest = {"eval/loss": 4.0, "train/samples_per_s": 25.0}
    make_job(session, job.project_id, dataset=job.dataset_id, model=small)  # has not ended
    session.flush()
    found = jobs.job_out(session, student).distillation
    assert found is not None
    assert found.alone is not None
    assert (found.alone.id, found.alone.values) == (alone.id, {"eval/loss": 4.0})
    assert found.speed_ratio == 2.5
    assert jobs.job_out(session, alone).distillation is None


def test_parameters_are_counted_with_the_vocabulary_of_both(session: WriteSession) -> None:
    project = make_project(session)
    dataset = make_dataset(session, project)
    for file in session.query(DatasetFile).filter_by(dataset_id=dataset):
        file.report = file.report | {"vocabulary_size": 1000, "tokenizer_sha256": "0" * 64}
    uploaded = {"tokenizer": {"kind": "uploaded"}}
    job, claim = make_running(session, project_id=project, dataset=dataset, data=uploaded)
    teacher = make_checkpoint(session, claim, 20)
    alike = taught(session, job, teacher.id, make_dataset(session, project), model=job.spec["model"])
    shown = jobs.job_out(session, alike).distillation
    assert shown is not None
    assert shown.size_ratio == 1, "the teacher's own spec does not tell the size of its vocabulary"
    assert shown.parameters < 10**6
    assert alike.memory_bytes == taught(session, job, teacher.id, model=job.spec["model"]).memory_bytes
    larger = make_spec(dataset, distillation={"teacher": teacher.id}, model=LARGE)
    found = jobs.validate_document(session, project, larger.model_dump(mode="json", exclude_unset=True))
    (warned,) = (one for one in found.warnings if one.code == "student_larger")
    assert warned.params["teacher_parameters"] == shown.parameters


def test_parameters_are_counted_with_the_classes_of_the_data(session: WriteSession) -> None:
    project = make_project(session)
    dataset = datasets.create(session, project, DatasetIn(name="pets", modality="image")).id
    images(session, dataset, "a.zip", "cat", "dog")
    datasets.complete(session, project, dataset)
    given: dict[str, Any] = {
        "task": {"kind": "image_classification"},
        "model": {"preset": "resnet-mini"},
        "data": {"image": {"size": 8}},
        "training": {"steps": 10, "batch_size": 4},
    }
    job, claim = make_running(session, project_id=project, dataset=dataset, **given)
    teacher = make_checkpoint(session, claim, 10)
    shown = jobs.job_out(session, taught(session, job, teacher.id, **given)).distillation
    assert shown is not None
    spec = validate(job.spec)
    of_two, of_three = (estimate(spec, classes=classes).parameters for classes in (2, 3))
    assert shown.parameters == shown.teacher_parameters == of_two < of_three


def test_measures_of_other_data_are_told_and_those_of_another_task_left_out(session: WriteSession) -> None:
    job, claim = make_running(session, model=LARGE)
    teacher = make_checkpoint(session, claim, 20, {"eval/loss": 3.0})
    moved = jobs.job_out(session, taught(session, job, teacher.id, make_dataset(session, job.project_id)))
    student = taught(session, job, teacher.id)
    same = jobs.job_out(session, student)
    job.spec = make_spec(job.dataset_id, task={"kind": "causal_lm"}, model={}).model_dump(mode="json")
    other = jobs.job_out(session, student)
    told = [one.distillation and one.distillation.teacher for one in (moved, same, other)]
    assert [one and (one.same_data, one.values) for one in told] == [
        (False, {"eval/loss": 3.0}),
        (True, {"eval/loss": 3.0}),
        (True, {}),
    ]


def test_a_student_of_half_its_teacher_is_forked_and_not_retried_without_its_teacher(
    session: WriteSession, tmp_path: Path
) -> None:
    job, claim = make_running(session, model=LARGE)
    teacher = make_checkpoint(session, claim, 20)
    make_checkpoint(session, claim, 30)
    jobs.finish(session, job.id, 1, jobs.Completed())
    student = taught(session, job, teacher.id, distillation={"student": "every_other"}, model={})
    own = jobs.claim(session, make_worker(session))
    assert own
    make_checkpoint(session, own, 10)
    fork = jobs.fork(session, job.project_id, student.id, ForkIn(changes={"training": {"steps": 200}}))
    assert fork.teacher_checkpoint_id == teacher.id
    assert fork.spec["model"] == student.spec["model"]
    jobs.finish(session, student.id, 1, jobs.Failed("internal", "It failed."))
    request(session, job.project_id, fork.id, "cancel")
    session.flush()
    deletion.delete(session, LocalStorage(tmp_path), job.project_id, teacher.id)
    with pytest.raises(Conflict) as caught:
        jobs.retry(session, job.project_id, student.id)
    assert caught.value.params["case"] == "teacher_deleted"
