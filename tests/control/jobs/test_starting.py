"""Jobs that start from a checkpoint: what is accepted, what is refused with which field, and what an attempt gets."""

from typing import Any

import pytest

from control.datasets.models import Dataset, DatasetFile
from control.db import WriteSession
from control.errors import Conflict, SeedbedError
from control.jobs import service as jobs
from control.jobs.schemas import ForkIn
from control.lifecycle.models import Event, Job
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.estimate import KIND as ESTIMATE
from control.short_jobs.kinds.estimate import EstimateOptions
from core.spec.problems import validate
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
VIT = {"architecture": "vit", "layers": 2, "hidden_size": 16, "heads": 2}


def started(session: WriteSession, job: Job, checkpoint: str, scope: str, **changes: Any) -> Job:
    """A job on the same data that starts from the checkpoint."""
    start = {"checkpoint": checkpoint, "scope": scope}
    return make_job(session, job.project_id, dataset=job.dataset_id, start=start, **changes)


def refused(session: WriteSession, job: Job, **changes: Any) -> SeedbedError:
    document = make_spec(job.dataset_id, **changes).model_dump(mode="json")
    found = jobs.validate_document(session, job.project_id, document)
    count = session.query(Job).count()
    with pytest.raises(SeedbedError) as caught:
        jobs.submit(session, job.project_id, make_spec(job.dataset_id, **changes))
    assert session.query(Job).count() == count
    assert not found.valid
    assert found.errors == list(caught.value.errors), "validation says what a submit would"
    return caught.value


@pytest.mark.parametrize("scope", ["all", "encoder"])
def test_a_job_that_starts_from_a_checkpoint_is_its_child(session: WriteSession, scope: str) -> None:
    job, claim = make_running(session)
    checkpoint = make_checkpoint(session, claim, 20)
    child = started(session, job, checkpoint.id, scope, task={"kind": "masked_lm", "masking": "span"})
    assert (child.parent_job_id, child.parent_checkpoint_id) == (job.id, checkpoint.id)
    assert child.spec["start"] == {"checkpoint": checkpoint.id, "scope": scope}
    parent = jobs.job_out(session, child).parent
    assert parent
    assert (parent.job, parent.checkpoint, parent.scope) == (job.id, checkpoint.id, scope)
    said = session.query(Event).filter_by(job_id=child.id, type="queued").one().message
    what = "the encoder of step" if scope == "encoder" else "from step"
    assert f"{what} 20 of {job.id}" in said
    relatives = jobs.lineage(session, child)
    assert [node.id for node in relatives.ancestors] == [job.id]
    (node,) = jobs.lineage(session, job).descendants
    assert node.parent == parent
    first = jobs.claim(session, make_worker(session))
    assert first
    assert [(one.id, one.job_id) for one in first.checkpoints] == [(checkpoint.id, job.id)]
    own = make_checkpoint(session, first, 10)
    jobs.finish(session, child.id, 1, jobs.Stopped(75))
    second = jobs.claim(session, make_worker(session))
    assert second
    assert [one.id for one in second.checkpoints] == [own.id, checkpoint.id], (
        "its own first, whatever its step"
    )


def test_an_encoder_goes_into_another_task_on_other_data(session: WriteSession) -> None:
    project = make_project(session)
    pictures, others = (make_dataset(session, project) for _ in range(2))
    for dataset in session.query(Dataset):
        dataset.modality = "image"
    for file in session.query(DatasetFile):
        file.report = {"kind": "images", "samples": 100}
    session.flush()
    training = {"steps": 100, "batch_size": 8}
    source = make_job(
        session, project, dataset=pictures, task={"kind": "masked_autoencoder"}, model=VIT, training=training
    )
    claim = jobs.claim(session, make_worker(session))
    assert claim
    checkpoint = make_checkpoint(session, claim, 100)
    start = {"checkpoint": checkpoint.id, "scope": "encoder"}
    task = {"kind": "self_distillation"}
    child = make_job(session, project, dataset=others, start=start, task=task, model=VIT, training=training)
    assert child.parent_job_id == source.id
    refusal = refused(
        session,
        child,
        start=start,
        task={"kind": "contrastive"},
        model={"preset": "resnet-mini"},
        training=training,
    )
    assert (refusal.code, refusal.param) == ("validation_failed", "model.architecture")
    refusal = refused(
        session, child, start=start, task=task, model=VIT, training=training, data={"image": {"size": 64}}
    )
    assert [error.param for error in refusal.errors] == ["data.image.size", "model.patch_size"]


@pytest.mark.parametrize(
    ("scope", "changes", "param"),
    [
        ("all", {"training": {"steps": 20, "batch_size": 8, "sequence_length": 64}}, "training.steps"),
        ("all", {"model": {"preset": "bert-mini"}}, "model"),
        ("all", {"task": {"kind": "causal_lm"}, "model": {}}, "task.kind"),
        ("encoder", {"model": {"preset": "bert-mini"}}, "model.layers"),
        ("encoder", {"task": {"kind": "causal_lm"}, "model": {}}, "model.architecture"),
        ("encoder", {"data": {"tokenizer": {"kind": "byte"}}}, "data.tokenizer"),
        (
            "all",
            {"data": {"tokenizer": {"kind": "checkpoint", "add_tokens": ["new"]}}},
            "data.tokenizer.add_tokens",
        ),
    ],
)
def test_a_start_that_does_not_fit_is_refused_with_its_field(
    session: WriteSession, scope: str, changes: dict[str, Any], param: str
) -> None:
    job, claim = make_running(session)
    checkpoint = make_checkpoint(session, claim, 20)
    refusal = refused(session, job, start={"checkpoint": checkpoint.id, "scope": scope}, **changes)
    assert (refusal.code, refusal.status, refusal.param) == ("validation_failed", 422, param)


def test_the_checkpoint_must_exist_and_belong_to_the_project(session: WriteSession) -> None:
    job, claim = make_running(session)
    mine = make_checkpoint(session, claim, 20)
    stranger, their_claim = make_running(session)
    theirs = make_checkpoint(session, their_claim, 20)
    gone = make_checkpoint(session, claim, 10)
    gone.deleted_at = gone.created_at
    session.flush()
    for checkpoint in (NOWHERE, theirs.id, gone.id):
        refusal = refused(session, job, start={"checkpoint": checkpoint})
        assert (refusal.code, refusal.status, refusal.param) == (
            "checkpoint_not_found",
            404,
            "start.checkpoint",
        )
    refusal = refused(session, job, start={"scope": "encoder"})
    assert (refusal.code, refusal.param) == ("validation_failed", "start.checkpoint")
    assert stranger.project_id != job.project_id
    assert started(session, job, mine.id, "encoder").parent_checkpoint_id == mine.id


def test_a_fork_is_a_submit_with_its_parents_checkpoint_as_the_start(session: WriteSession) -> None:
    job, claim = make_running(session)
    checkpoint = make_checkpoint(session, claim, 20)
    child = jobs.fork(session, job.project_id, job.id, ForkIn())
    assert child.spec["start"] == {"checkpoint": checkpoint.id, "scope": "all"}
    jobs.claim(session, make_worker(session))
    encoder = jobs.fork(session, job.project_id, job.id, ForkIn(changes={"start": {"scope": "encoder"}}))
    assert encoder.spec["start"] == {"checkpoint": checkpoint.id, "scope": "encoder"}
    parent = jobs.job_out(session, encoder).parent
    assert parent
    assert parent.scope == "encoder"


def test_a_forks_fork_starts_from_the_fork(session: WriteSession) -> None:
    job, claim = make_running(session)
    make_checkpoint(session, claim, 20)
    child = jobs.fork(session, job.project_id, job.id, ForkIn())
    second = jobs.claim(session, make_worker(session))
    assert second
    assert second.job_id == child.id
    own = make_checkpoint(session, second, 40)
    grandchild = jobs.fork(session, job.project_id, child.id, ForkIn())
    assert grandchild.spec["start"]["checkpoint"] == own.id
    assert grandchild.parent_job_id == child.id


@pytest.mark.parametrize("start", [None, {"checkpoint": NOWHERE}])
def test_a_fork_starts_from_its_parent_and_nothing_else(session: WriteSession, start: Any) -> None:
    job, claim = make_running(session)
    make_checkpoint(session, claim, 20)
    with pytest.raises(SeedbedError) as caught:
        jobs.fork(session, job.project_id, job.id, ForkIn(changes={"start": start}))
    assert (caught.value.code, caught.value.param) == ("validation_failed", "start.checkpoint")


def test_a_fork_of_an_earlier_version_started_from_the_whole_checkpoint(session: WriteSession) -> None:
    job, claim = make_running(session)
    make_checkpoint(session, claim, 20)
    child = jobs.fork(session, job.project_id, job.id, ForkIn())
    child.spec = {name: value for name, value in child.spec.items() if name != "start"}
    session.flush()
    out = jobs.job_out(session, child)
    assert out.spec.start is None
    assert out.parent
    assert out.parent.scope == "all"


@pytest.mark.parametrize("scope", ["all", "encoder"])
def test_the_checkpoint_that_a_job_starts_from_is_kept_while_it_is_needed(
    session: WriteSession, scope: str
) -> None:
    job, claim = make_running(session)
    checkpoint = make_checkpoint(session, claim, 20)
    child = started(session, job, checkpoint.id, scope)
    jobs.finish(session, job.id, 1, jobs.Completed())
    with pytest.raises(Conflict, match=child.id):
        jobs.delete(session, _NoStorage(), job.project_id, job.id)


class _NoStorage:
    """A storage that must not be used: the deletion is refused before."""


CHECKPOINTS = {"kind": "checkpoint", "vocabulary_size": 8192}


@pytest.mark.parametrize("scope", ["all", "encoder"])
@pytest.mark.parametrize("data", [{}, {"tokenizer": {"kind": "checkpoint"}}, {"held_out_fraction": 0.1}])
def test_a_job_on_other_text_takes_the_checkpoints_tokenizer(
    session: WriteSession, scope: str, data: dict[str, Any]
) -> None:
    job, claim = make_running(session)
    checkpoint = make_checkpoint(session, claim, 20)
    start = {"checkpoint": checkpoint.id, "scope": scope}
    other = make_dataset(session, job.project_id)
    document = make_spec(other).model_dump(mode="json", exclude={"data"}) | {"start": start, "data": data}
    found = jobs.validate_document(session, job.project_id, document)
    assert found.valid, found.errors
    assert found.spec is not None
    child = jobs.submit(session, job.project_id, validate(document))
    for told in (child.spec, found.spec.model_dump(mode="json")):
        tokenizer = told["data"]["tokenizer"]
        assert tokenizer | CHECKPOINTS == tokenizer
    assert child.spec["data"]["held_out_fraction"] == data.get("held_out_fraction", 0.05)
    assert child.memory_bytes == job.memory_bytes, "the vocabulary is as large"


def test_a_baseline_takes_the_tokenizer_alone(session: WriteSession) -> None:
    job, claim = make_running(session, model={"layers": 3, "hidden_size": 32, "heads": 2})
    checkpoint = make_checkpoint(session, claim, 20)
    start = {"checkpoint": checkpoint.id, "scope": "tokenizer"}
    other = make_dataset(session, job.project_id)
    document = make_spec(other).model_dump(mode="json", exclude={"data", "model"}) | {"start": start}
    child = jobs.submit(session, job.project_id, validate(document))
    assert child.spec["data"]["tokenizer"] | CHECKPOINTS == child.spec["data"]["tokenizer"]
    assert child.spec["model"]["layers"] != 3, "the network is its own"
    assert child.parent_checkpoint_id == checkpoint.id
    [accepted] = [
        event.code for event in session.query(Event).filter_by(job_id=child.id) if event.type == "queued"
    ]
    assert accepted == "accepted_with_tokenizer"
    refusal = refused(session, job, start=start, data={"tokenizer": {"kind": "byte"}})
    assert refusal.param == "data.tokenizer.kind"


def test_a_tokenizer_that_is_named_is_not_replaced(session: WriteSession) -> None:
    job, claim = make_running(session)
    checkpoint = make_checkpoint(session, claim, 20)
    start = {"checkpoint": checkpoint.id, "scope": "encoder"}
    other = make_dataset(session, job.project_id)
    refusal = refused(session, job, start=start, dataset=other, data={"tokenizer": {"kind": "bpe"}})
    assert (refusal.code, refusal.param) == ("validation_failed", "dataset")
    assert "data.tokenizer.kind to checkpoint" in refusal.detail


def test_the_size_of_an_uploaded_vocabulary_is_told_to_those_that_start_from_it(
    session: WriteSession,
) -> None:
    project = make_project(session)
    dataset = make_dataset(session, project)
    for file in session.query(DatasetFile).filter_by(dataset_id=dataset):
        file.report = file.report | {"vocabulary_size": 30_522, "tokenizer_sha256": "0" * 64}
    tokenizer = {"tokenizer": {"kind": "uploaded"}}
    job, claim = make_running(session, project_id=project, dataset=dataset, data=tokenizer)
    checkpoint = make_checkpoint(session, claim, 20)
    start = {"checkpoint": checkpoint.id, "scope": "encoder"}
    child = make_job(session, project, dataset=make_dataset(session, project), start=start)
    assert child.spec["data"]["tokenizer"]["vocabulary_size"] == 30_522
    assert child.memory_bytes == job.memory_bytes


def test_a_fork_on_other_text_keeps_the_tokenizer_of_its_parent(session: WriteSession) -> None:
    job, claim = make_running(session)
    make_checkpoint(session, claim, 20)
    other = make_dataset(session, job.project_id)
    child = jobs.fork(session, job.project_id, job.id, ForkIn(changes={"dataset": other}))
    assert child.spec["data"]["tokenizer"] | CHECKPOINTS == child.spec["data"]["tokenizer"]
    same = jobs.fork(session, job.project_id, job.id, ForkIn())
    assert same.spec["data"] == job.spec["data"]


def test_an_estimate_holds_the_checkpoint_whose_tokenizer_it_needs(session: WriteSession) -> None:
    job, claim = make_running(session)
    checkpoint = make_checkpoint(session, claim, 20)
    other = make_dataset(session, job.project_id)
    start = {"checkpoint": checkpoint.id, "scope": "encoder"}
    asked = short_jobs.create_from_spec(
        session, ESTIMATE, job.project_id, make_spec(other, start=start), EstimateOptions()
    )
    assert asked.spec["data"]["tokenizer"]["kind"] == "checkpoint"
    assert asked.parent_checkpoint_id == checkpoint.id


IMAGES = {"image": {"size": 24, "channels": 1}}
REPORTS: dict[str, dict[str, Any]] = {
    "image": {"kind": "images", "samples": 100},
    "audio": {"kind": "recordings", "samples": 100, "sound": {"hours": 1.0}},
}


def running_on(session: WriteSession, **changes: Any) -> tuple[Job, Any]:
    """A running job on a dataset of its task's modality."""
    project = make_project(session)
    dataset = make_dataset(session, project)
    modality = validate({"name": "any", "task": changes["task"], "training": {"steps": 1}}).task.modality
    if modality != "text":
        session.query(Dataset).filter_by(id=dataset).one().modality = modality
        session.query(DatasetFile).filter_by(dataset_id=dataset).one().report = REPORTS[modality]
        session.flush()
    job = make_job(session, project, dataset=dataset, **changes)
    claim = jobs.claim(session, make_worker(session))
    assert claim
    return job, claim


@pytest.mark.parametrize(
    ("task", "model", "data", "taken"),
    [
        (
            {"kind": "masked_autoencoder"},
            VIT | {"patch_size": 6},
            IMAGES,
            {"kind": "image_classification", "class_token": True},
        ),
        (
            {"kind": "joint_embedding_prediction"},
            VIT,
            {"image": {"size": 16}},
            {"kind": "image_classification", "class_token": False},
        ),
        ({"kind": "contrastive"}, {"preset": "resnet-18"}, IMAGES, {"kind": "image_classification"}),
        ({"kind": "rotation"}, {}, {}, {"kind": "image_classification"}),
        (
            {"kind": "masked_spectrogram", "mel_bins": 32, "patch_size": 8},
            {"architecture": "ast", "layers": 2, "hidden_size": 16, "heads": 2},
            {"audio": {"sampling_rate": 8000, "clip_seconds": 1.0}},
            {"kind": "audio_classification", "mel_bins": 32, "patch_size": 8},
        ),
        (
            {"kind": "wav2vec2", "position_kernel": 16},
            {"architecture": "wav2vec2", "layers": 2, "hidden_size": 16, "heads": 2},
            {"audio": {"sampling_rate": 8000}},
            {"kind": "audio_classification", "position_kernel": 16},
        ),
        ({"kind": "causal_lm"}, {"preset": "llama-tiny"}, {}, {"kind": "text_classification"}),
        ({"kind": "text_denoising_autoencoder"}, {}, {}, {"kind": "text_classification", "sentinels": 100}),
    ],
)
def test_whoever_fine_tunes_says_only_where_to_start(
    session: WriteSession,
    task: dict[str, Any],
    model: dict[str, Any],
    data: dict[str, Any],
    taken: dict[str, Any],
) -> None:
    """The network, the form of its inputs and what its weights decide of the task come from the checkpoint's spec."""
    parent, claim = running_on(session, task=task, model=model, data=data)
    checkpoint = make_checkpoint(session, claim, 20)
    spec = validate(
        {
            "name": "fine",
            "dataset": parent.dataset_id,
            "task": {"kind": taken["kind"]},
            "start": {"checkpoint": checkpoint.id, "scope": "encoder"},
            "training": {"steps": 5},
        }
    )
    child = jobs.submit(session, parent.project_id, spec)
    found, before = validate(child.spec), validate(parent.spec)
    assert found.network_size == before.network_size
    assert found.data.image.model_dump() == before.data.image.model_dump()
    assert found.data.audio.sampling_rate == before.data.audio.sampling_rate
    assert found.data.audio.clip_seconds == before.data.audio.clip_seconds
    if before.learned_positions is not None:
        assert found.training.sequence_length == before.training.sequence_length
    assert taken.items() <= child.spec["task"].items()
    assert child.spec["training"]["steps"] == 5


def test_what_a_spec_says_itself_is_not_replaced(session: WriteSession) -> None:
    parent, claim = running_on(session, task={"kind": "masked_autoencoder"}, model=VIT, data=IMAGES)
    checkpoint = make_checkpoint(session, claim, 20)
    document = {
        "name": "fine",
        "dataset": parent.dataset_id,
        "task": {"kind": "image_classification"},
        "start": {"checkpoint": checkpoint.id, "scope": "encoder"},
        "model": VIT | {"hidden_size": 32},
        "data": {"image": {"size": 16}},
        "training": {"steps": 5},
    }
    with pytest.raises(SeedbedError) as refused:
        jobs.submit(session, parent.project_id, validate(document))
    params = {error.param for error in refused.value.errors}
    assert params >= {"model.hidden_size", "data.image.size"}
    document["model"] = {"architecture": "vit", "dropout": 0.3}
    del document["data"]
    child = jobs.submit(session, parent.project_id, validate(document))
    assert child.spec["model"]["dropout"] == 0.3
    assert child.spec["model"]["layers"] == VIT["layers"]
