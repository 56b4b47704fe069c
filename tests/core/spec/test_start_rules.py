"""Which jobs may start from which checkpoints: every misfit is reported at its field, and nothing else is refused."""

import copy
from typing import Any

import pytest

from core.spec.problems import SpecError, validate
from core.spec.start_rules import misfits

DATASETS = ("ds_" + "a" * 26, "ds_" + "b" * 26)
SMALL = {"layers": 2, "hidden_size": 16, "heads": 2}


def job(kind: str, **parts: Any) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": "x",
        "dataset": DATASETS[0],
        "task": {"kind": kind},
        "training": {"steps": 100},
    }
    for part, values in parts.items():
        document[part] = document.get(part, {}) | values if isinstance(values, dict) else values
    return document


VIT = {"architecture": "vit", **SMALL}
FITS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the same": (job("masked_lm"), job("masked_lm")),
    "other masking": (job("masked_lm"), job("masked_lm", task={"masking": "span"})),
    "a predictor of features": (job("masked_lm"), job("masked_lm", task={"feature_reconstruction": {}})),
    "fewer steps": (job("masked_lm"), job("masked_lm", training={"steps": 1})),
    "other dropout": (job("masked_lm"), job("masked_lm", model={"dropout": 0.3})),
    "sizes written out": (
        job("masked_lm", model={"preset": "bert-mini"}),
        job("masked_lm", model={"layers": 4, "hidden_size": 256, "heads": 4, "intermediate_size": 1024}),
    ),
    "rotary positions of any number": (
        job("causal_lm", model={"preset": "llama-tiny"}),
        job("causal_lm", model={"preset": "llama-tiny"}, training={"sequence_length": 512}),
    ),
    "bytes mean the same in other data": (
        job("masked_lm", data={"tokenizer": {"kind": "byte"}}),
        job("masked_lm", dataset=DATASETS[1], data={"tokenizer": {"kind": "byte"}}),
    ),
    "the checkpoint's tokenizer": (
        job("masked_lm"),
        job("masked_lm", dataset=DATASETS[1], start={}, data={"tokenizer": {"kind": "checkpoint"}}),
    ),
    "the tokenizer of the checkpoint's checkpoint": (
        job("masked_lm", start={}, data={"tokenizer": {"kind": "checkpoint"}}),
        job("masked_lm", dataset=DATASETS[1], start={}, data={"tokenizer": {"kind": "checkpoint"}}),
    ),
    "an uploaded tokenizer": (
        job("masked_lm", data={"tokenizer": {"kind": "uploaded"}}),
        job("masked_lm", dataset=DATASETS[1], data={"tokenizer": {"kind": "uploaded"}}),
    ),
    "masked autoencoder to dino": (
        job("masked_autoencoder", model=VIT),
        job("self_distillation", model=VIT, dataset=DATASETS[1]),
    ),
    "contrastive to rotation": (job("contrastive"), job("rotation")),
    "a resnet on images of another size": (
        job("contrastive", data={"image": {"size": 32}}),
        job("rotation", data={"image": {"size": 24}}),
    ),
    "patches written out": (
        job("masked_autoencoder", model=VIT),
        job("rotation", model=VIT | {"patch_size": 4}),
    ),
    "clips of any length": (
        job("wav2vec2", data={"audio": {"clip_seconds": 1.0}}),
        job("wav2vec2", data={"audio": {"clip_seconds": 2.0}}),
    ),
    "colours of one job to another's": (
        job("colorization"),
        job("colorization", task={"target": "regression"}),
    ),
}


@pytest.mark.parametrize("name", FITS)
def test_an_encoder_of_the_same_form_fits(name: str) -> None:
    before, spec = (validate(document) for document in FITS[name])
    assert misfits(spec, before, scope="encoder", step=50) == []


MISFITS: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "other modality": (job("masked_lm"), job("rotation"), ["task.kind"]),
    "no encoder": (job("gan"), job("rotation"), ["start.checkpoint"]),
    "a network that the task does not train": (
        job("masked_lm"),
        job("causal_lm"),
        ["model.architecture"],
    ),
    "another network of the task": (job("contrastive"), job("rotation", model=VIT), ["model.architecture"]),
    "sizes": (
        job("masked_lm", model={"preset": "bert-mini"}),
        job("masked_lm", model={"preset": "bert-small"}),
        ["model.hidden_size", "model.heads", "model.intermediate_size"],
    ),
    "a resnet's blocks": (
        job("contrastive", model={"preset": "resnet-mini"}),
        job("rotation", model={"preset": "resnet-50"}),
        ["model.preset", "model.depths", "model.widths"],
    ),
    "tokenizers": (
        job("masked_lm"),
        job("masked_lm", data={"tokenizer": {"vocabulary_size": 999}}),
        ["data.tokenizer"],
    ),
    "a tokenizer of its own": (
        job("masked_lm", start={}, data={"tokenizer": {"kind": "checkpoint"}}),
        job("masked_lm"),
        ["data.tokenizer"],
    ),
    "other text": (job("masked_lm"), job("masked_lm", dataset=DATASETS[1]), ["dataset"]),
    "characters of other text": (
        job("masked_lm", data={"tokenizer": {"kind": "character"}}),
        job("masked_lm", dataset=DATASETS[1], data={"tokenizer": {"kind": "character"}}),
        ["dataset"],
    ),
    "learned positions": (
        job("causal_lm"),
        job("causal_lm", training={"sequence_length": 64}),
        ["training.sequence_length"],
    ),
    "patches": (
        job("masked_autoencoder", model=VIT),
        job("rotation", model=VIT, data={"image": {"size": 64}}),
        ["data.image.size", "model.patch_size"],
    ),
    "colour": (
        job("contrastive"),
        job("rotation", data={"image": {"channels": 1}}),
        ["data.image.channels"],
    ),
    "stems": (
        job("contrastive", data={"image": {"size": 32}}),
        job("rotation", data={"image": {"size": 64}}),
        ["data.image.size"],
    ),
    "lightness": (job("colorization"), job("rotation"), ["data.image.channels"]),
    "lightness of grey": (
        job("rotation", data={"image": {"channels": 1}}),
        job("colorization"),
        ["data.image.channels"],
    ),
    "class tokens": (
        job("joint_embedding_prediction", model=SMALL),
        job("rotation", model=VIT),
        ["task.kind"],
    ),
    "class tokens, the other way": (
        job("masked_autoencoder", model=VIT),
        job("joint_embedding_prediction", model=SMALL),
        ["task.kind"],
    ),
    "rates": (
        job("wav2vec2"),
        job("wav2vec2", data={"audio": {"sampling_rate": 8000}}),
        ["data.audio.sampling_rate"],
    ),
    "convolutions": (
        job("wav2vec2"),
        job("wav2vec2", task={"feature_encoder": {"normalization": "group"}, "position_kernel": 64}),
        ["task.feature_encoder", "task.position_kernel"],
    ),
    "spectrograms": (
        job("masked_spectrogram"),
        job("masked_spectrogram", task={"mel_bins": 64}),
        ["task.mel_bins"],
    ),
    "longer clips": (
        job("masked_spectrogram", data={"audio": {"clip_seconds": 1.0}}),
        job("masked_spectrogram", data={"audio": {"clip_seconds": 2.0}}),
        ["data.audio.clip_seconds"],
    ),
    "sentinels": (
        job("text_denoising_autoencoder"),
        job(
            "text_denoising_autoencoder",
            task={"mean_span_length": 1},
            training={"sequence_length": 2048},
        ),
        ["training.sequence_length"],
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_misfit_is_named_by_its_field_with_what_to_do(name: str) -> None:
    first, second, params = MISFITS[name]
    found = misfits(validate(second), validate(first), scope="encoder", step=50)
    assert [misfit.param for misfit in found] == params
    for misfit in found:
        assert misfit.message[0].islower()
        assert "None" not in misfit.message
        assert any(word in misfit.message for word in ("choose", "give", "set", "start from"))


def test_all_of_a_checkpoint_goes_on_with_more_steps_of_the_same_task() -> None:
    before = validate(job("masked_lm"))
    assert misfits(before, before, scope="all", step=50) == []
    (late,) = misfits(before, before, scope="all", step=100)
    assert (late.param, late.code) == ("training.steps", "steps_done")
    other = validate(job("causal_lm"))
    kinds = {misfit.param: misfit for misfit in misfits(other, before, scope="all", step=50)}
    assert kinds.keys() == {"task.kind", "model"}
    assert "set start.scope to encoder" in kinds["task.kind"].message


@pytest.mark.parametrize("scope", ["all", "encoder"])
def test_other_text_needs_the_checkpoints_tokenizer(scope: Any) -> None:
    before, same = (validate(job("masked_lm", dataset=dataset)) for dataset in DATASETS)
    (misfit,) = misfits(same, before, scope=scope, step=50)
    assert misfit.param == "dataset"
    assert "data.tokenizer.kind to checkpoint" in misfit.message
    document = job("masked_lm", dataset=DATASETS[1], start={}, data={"tokenizer": {"kind": "checkpoint"}})
    assert misfits(validate(document), before, scope=scope, step=50) == []


def test_a_tokenizer_alone_is_taken_by_any_task_of_text_with_a_network_of_its_own() -> None:
    before = validate(job("masked_lm", model={"preset": "bert-mini"}))
    tokenizer = {"tokenizer": {"kind": "checkpoint"}}
    start = {"scope": "tokenizer"}
    other = validate(job("causal_lm", dataset=DATASETS[1], start=start, data=tokenizer, model=SMALL))
    assert misfits(other, before, scope="tokenizer", step=100) == []
    (trained,) = misfits(validate(job("causal_lm")), before, scope="tokenizer", step=1)
    assert (trained.param, trained.code) == ("data.tokenizer.kind", "fixed_by_checkpoint")
    pair = [validate(job("rotation")), before]
    for spec, of in (pair, pair[::-1]):
        (misfit,) = misfits(spec, of, scope="tokenizer", step=1)
        assert misfit.param == "start.scope"


def test_the_checkpoints_tokenizer_needs_a_start() -> None:
    with pytest.raises(SpecError, match=r"set start\.checkpoint") as caught:
        validate(job("masked_lm", data={"tokenizer": {"kind": "checkpoint"}}))
    assert [problem.param for problem in caught.value.problems] == ["data.tokenizer.kind"]


def test_every_task_has_a_form_and_starts_from_itself() -> None:
    for kind in ("masked_lm", "causal_lm", "text_denoising_autoencoder", "rotation", "contrastive"):
        spec = validate(job(kind))
        assert misfits(spec, spec, scope="encoder", step=1) == []


@pytest.mark.parametrize(
    ("start", "param"),
    [
        ({"scope": "heads"}, "start.scope"),
        ({"checkpoint": "ckpt_1"}, "start.checkpoint"),
        ({"checkpoint": "job_" + "a" * 26}, "start.checkpoint"),
        ({"step": 3}, "start.step"),
        ("ckpt_" + "a" * 26, "start"),
    ],
)
def test_an_empty_start_is_explained(start: Any, param: str) -> None:
    with pytest.raises(SpecError) as caught:
        validate(job("masked_lm") | {"start": start})
    assert [problem.param for problem in caught.value.problems] == [param]


def test_a_task_without_an_encoder_refuses_one() -> None:
    with pytest.raises(SpecError, match="gan learns no encoder") as caught:
        validate(job("gan") | {"start": {"scope": "encoder"}})
    assert [problem.param for problem in caught.value.problems] == ["start.scope"]
    assert validate(job("gan") | {"start": {}}).start is not None


def test_fresh_weights_are_stored_as_no_start() -> None:
    document = copy.deepcopy(job("masked_lm"))
    assert validate(document).start is None
    assert validate(document | {"start": None}) == validate(document)
