"""Which teachers a job can learn from, and what they decide in its spec."""

from typing import Any

import pytest

from core.spec.distillation_rules import completed, kept_blocks, larger, misfits
from core.spec.estimate import estimate
from core.spec.job import JobSpec
from core.spec.problems import SpecError, validate

DATASET, OTHER = "ds_" + "0" * 26, "ds_" + "1" * 26
BERT = {"architecture": "bert", "layers": 4, "hidden_size": 16, "heads": 2}


def job(task: str = "masked_lm", **sections: Any) -> JobSpec:
    training = {"steps": 10, "batch_size": 8, "sequence_length": 32} | sections.pop("training", {})
    return validate(
        {"name": "a", "dataset": DATASET, "task": {"kind": task}, "training": training} | sections
    )


def student(task: str = "masked_lm", distillation: dict[str, Any] | None = None, **sections: Any) -> JobSpec:
    return job(task, distillation=distillation or {}, **sections)


def found(spec: JobSpec, teacher: JobSpec) -> list[tuple[str, Any]]:
    problems = misfits(completed(spec, teacher), teacher)
    assert {problem.code for problem in problems} <= {"teacher_unfit"}
    return [(problem.param, problem.params["case"]) for problem in problems]


def test_a_student_of_text_takes_its_teachers_tokenizer() -> None:
    teacher = job(model=BERT, data={"tokenizer": {"kind": "bpe", "vocabulary_size": 700}})
    spec = completed(student(dataset=OTHER), teacher)
    assert (spec.data.tokenizer.kind, spec.data.tokenizer.vocabulary_size) == ("checkpoint", 700)
    assert completed(spec, teacher) == spec
    assert not misfits(spec, teacher)


def test_half_a_teacher_has_its_sizes_and_every_other_of_its_blocks() -> None:
    teacher = job(model=BERT, training={"sequence_length": 48})
    training = {"steps": 10, "batch_size": 8}
    asked = validate(
        {
            "name": "a",
            "dataset": DATASET,
            "task": {"kind": "masked_lm"},
            "training": training,
            "distillation": {"student": "every_other"},
            "model": {"dropout": 0.3},
        }
    )
    spec = completed(asked, teacher)
    assert (spec.size.layers, spec.size.hidden_size, spec.training.sequence_length) == (2, 16, 48)
    assert spec.dropout == 0.3
    assert completed(spec, teacher) == spec
    assert kept_blocks(spec, teacher) == [0, 3]
    assert not misfits(spec, teacher)


@pytest.mark.parametrize(
    ("layers", "kept"), [(1, [0]), (2, [0]), (3, [0]), (5, [0, 4]), (12, [0, 2, 4, 7, 9, 11])]
)
def test_blocks_are_spaced_from_the_first_to_the_last(layers: int, kept: list[int]) -> None:
    teacher = job(model=BERT | {"layers": layers})
    spec = completed(student(distillation={"student": "every_other"}), teacher)
    assert kept_blocks(spec, teacher) == kept


def test_half_a_resnet_keeps_the_first_block_of_each_stage() -> None:
    teacher = job("image_classification", model={"preset": "resnet-50"})
    spec = completed(student("image_classification", {"student": "every_other"}), teacher)
    assert spec.resnet_size.depths == (1, 2, 3, 1)
    assert kept_blocks(spec, teacher) == [0, 3, 6, 7, 9, 12, 13]
    assert not misfits(spec, teacher)


@pytest.mark.parametrize(
    ("spec", "teacher", "problems"),
    [
        (student(), job("causal_lm"), [("distillation.logits", "logits")]),
        (student(), job("image_classification"), [("distillation.teacher", "modality")]),
        (student("image_classification"), job("contrastive"), [("distillation.logits", "logits")]),
        (
            student("image_classification", {"logits": 0, "features": {}}),
            job("gan"),
            [("distillation.teacher", "no_encoder")],
        ),
        (
            student(data={"tokenizer": {"kind": "byte"}}),
            job(),
            [("data.tokenizer.kind", "vocabulary")],
        ),
        (
            student(dataset=OTHER, data={"tokenizer": {"kind": "bpe"}}),
            job(),
            [("data.tokenizer.kind", "vocabulary")],
        ),
        (
            student(data={"tokenizer": {"kind": "checkpoint", "add_tokens": ["zeugma"]}}),
            job(),
            [("data.tokenizer.kind", "vocabulary")],
        ),
        (
            student(training={"sequence_length": 64}),
            job(),
            [("training.sequence_length", "positions")],
        ),
        (
            student("text_classification", model={"preset": "bert-tiny"}),
            job("text_classification", model={"preset": "t5-tiny"}),
            [("model.architecture", "framing")],
        ),
        (
            student("image_classification", data={"image": {"size": 64}}, model={"preset": "vit-micro"}),
            job("image_classification", model={"preset": "vit-mini"}),
            [("data.image.size", "inputs"), ("model.patch_size", "inputs")],
        ),
        (
            student("image_classification", data={"image": {"channels": 1}}),
            job("image_classification"),
            [("data.image.channels", "inputs")],
        ),
        (
            student(distillation={"hidden": {}}, model={"preset": "bert-tiny"}),
            job(model={"preset": "bert-mini"}),
            [("distillation.hidden", "widths")],
        ),
        (
            student(distillation={"relations": {"heads": 3}}, model={"preset": "bert-tiny"}),
            job(model={"preset": "bert-mini"}),
            [("distillation.relations.heads", "relation_heads")],
        ),
        (
            student("image_classification", {"relations": {}}, model={"preset": "vit-micro"}),
            job("image_classification"),
            [("distillation.relations", "no_attention")],
        ),
        (
            student(distillation={"student": "every_other"}, model={"preset": "bert-mini"}),
            job(model={"preset": "bert-mini"}),
            [("model", "half")],
        ),
        (
            student("text_classification", {"student": "every_other", "logits": 0, "features": {}}),
            job(model={"preset": "bert-mini"}),
            [("distillation.student", "half_of_other_task")],
        ),
        (
            student("audio_classification", model={"preset": "wav2vec2-tiny"}),
            job("audio_classification", model={"preset": "ast-tiny"}),
            [("model.architecture", "audio")],
        ),
    ],
)
def test_a_teacher_that_cannot_teach_is_refused(
    spec: JobSpec, teacher: JobSpec, problems: list[tuple[str, str]]
) -> None:
    assert found(spec, teacher) == problems


@pytest.mark.parametrize(
    ("spec", "teacher"),
    [
        (
            student(distillation={"relations": {}}, model={"preset": "bert-tiny"}),
            job(model={"preset": "bert-mini"}),
        ),
        (student("image_classification", model={"preset": "vit-micro"}), job("image_classification")),
        (
            student("image_classification", {"logits": 0, "features": {}}, model={"preset": "resnet-mini"}),
            job("masked_autoencoder"),
        ),
        (
            student("contrastive", {"logits": 0, "features": {}}, model={"preset": "resnet-mini"}),
            job("self_distillation"),
        ),
        (
            student("audio_classification", {"logits": 0, "features": {}}, model={"preset": "wav2vec2-tiny"}),
            job("wav2vec2", model={"preset": "wav2vec2-small"}),
        ),
    ],
)
def test_networks_of_other_sizes_and_kinds_can_learn_from_one_another(
    spec: JobSpec, teacher: JobSpec
) -> None:
    assert not found(spec, teacher)


@pytest.mark.parametrize(
    ("document", "param", "code"),
    [
        ({"task": {"kind": "masked_autoencoder"}}, "distillation.logits", "task_without_logits"),
        ({"task": {"kind": "gan"}}, "distillation", "no_encoder"),
        ({"distillation": {"logits": 0}}, "distillation", "nothing_to_match"),
        (
            {"task": {"kind": "image_classification"}, "distillation": {"relations": {}}},
            "distillation.relations",
            "no_attention",
        ),
        (
            {"start": {"scope": "encoder"}, "distillation": {"student": "every_other"}},
            "distillation.student",
            "two_sources_of_weights",
        ),
        ({"distillation": {"temperature": 0}}, "distillation.temperature", "greater_than"),
        ({"distillation": {"teacher": "job_1"}}, "distillation.teacher", "string_pattern_mismatch"),
        ({"distillation": {"hidden": {"loss": "kl"}}}, "distillation.hidden.loss", "unknown_value"),
    ],
)
def test_blocks_that_make_no_sense_are_refused(document: dict[str, Any], param: str, code: str) -> None:
    whole = {"name": "a", "task": {"kind": "masked_lm"}, "training": {"steps": 9, "batch_size": 8}}
    with pytest.raises(SpecError) as refused:
        validate(whole | {"distillation": {}} | document)
    assert [(problem.param, problem.code) for problem in refused.value.problems] == [(param, code)]


def test_a_larger_student_is_told_and_a_teacher_counts_in_memory() -> None:
    small, large = job(model=BERT), job(model=BERT | {"layers": 8})
    sizes = larger(large, small)
    assert sizes is not None
    assert sizes[0] > sizes[1]
    assert larger(small, large) is None
    plain, taught = estimate(small), estimate(small, teacher=large)
    assert taught.memory_bytes - plain.memory_bytes == 4 * estimate(large).parameters
    assert taught.parameters == plain.parameters
