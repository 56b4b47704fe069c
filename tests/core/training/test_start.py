"""A run starts from another run's checkpoint: with all of it, or with its encoder alone in another task."""

import copy
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core.data import data_files, prepare_for
from core.objectives.audio import AudioObjective
from core.objectives.images import ImageObjective
from core.objectives.language import LanguageModel
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from tests.core.tasks.image_tasks import RESNET
from tests.core.training.interruptions import hashes, points
from tests.core.training.reference.jobs import CASES, job

STEPS = 4


def document(name: str, *, scope: str | None = None, **changes: Any) -> dict[str, Any]:
    """One of `CASES`, shortened; ``changes`` are merged into it."""
    found = copy.deepcopy(CASES[name].document) if name in CASES else copy.deepcopy(OWN[name])
    found["training"] |= {"steps": STEPS, "evaluate_every": 2, "checkpoint_every": 2}
    for part, values in changes.items():
        found[part] = found[part] | values
    return found if scope is None else found | {"start": {"scope": scope}}


def labelled(source: str, target: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two of `CASES` on the same text with labels, which pretraining does not read."""
    reading = {"held_out_fraction": 0.2, "packing": "stream"}
    first, second = document(source, data=reading), document(target, scope="encoder", data=reading)
    return first | {"name": "labelled"}, second | {"name": "labelled"}


def tagged(source: str, target: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two of `CASES` on the same text with tags, which pretraining does not read."""
    first, second = labelled(source, target)
    return first | {"name": "tagged"}, second | {"name": "tagged"}


OWN = {"rotation-resnet": job("pictures", {"kind": "rotation"}, RESNET)}

PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "masked spans to tokens": (
        document("masked_lm", task={"kind": "masked_lm", "masking": "span"}),
        document("masked_lm", scope="encoder", training={"ema_decay": None}),
    ),
    "tokens to features": (document("masked_lm"), document("masked_lm-features", scope="encoder")),
    "modernbert": (
        document("masked_lm-modernbert"),
        document("masked_lm-modernbert", scope="encoder", task={"masking": "token"}),
    ),
    "causal gpt2": (
        document("causal_lm-apart"),
        document("causal_lm-apart", scope="encoder", task={"separate_documents": False}),
    ),
    "causal llama": (document("causal_lm-llama"), document("causal_lm-llama", scope="encoder")),
    "t5": (
        document("text_denoising_autoencoder"),
        document("text_denoising_autoencoder", scope="encoder", task={"mean_span_length": 2}),
    ),
    "mae to dino": (document("masked_autoencoder"), document("dino", scope="encoder")),
    "dino to mae": (document("dino"), document("masked_autoencoder", scope="encoder")),
    "contrastive to rotation": (document("contrastive"), document("rotation-resnet", scope="encoder")),
    "byol to contrastive": (document("byol"), document("contrastive", scope="encoder")),
    "contrastive to byol": (document("contrastive"), document("byol", scope="encoder")),
    "autoencoder to rotation": (
        document("denoising_autoencoder"),
        document("rotation-resnet", scope="encoder"),
    ),
    "jepa to jepa": (
        document("joint_embedding_prediction"),
        document("joint_embedding_prediction", scope="encoder", task={"momentum": 0.9}),
    ),
    "mae to classes": (document("masked_autoencoder"), document("image_classification", scope="encoder")),
    "dino to classes": (document("dino"), document("image_classification", scope="encoder")),
    "jepa to classes": (
        document("joint_embedding_prediction"),
        document("image_classification-jepa", scope="encoder"),
    ),
    "contrastive to classes": (
        document("contrastive"),
        document("image_classification-resnet", scope="encoder"),
    ),
    "classes to classes": (
        document("image_classification-resnet"),
        document("image_classification-resnet", scope="encoder", task={"label_smoothing": 0.1}),
    ),
    "classes to mae": (document("image_classification"), document("masked_autoencoder", scope="encoder")),
    "classes to contrastive": (
        document("image_classification-resnet"),
        document("contrastive", scope="encoder"),
    ),
    "bert to classes": labelled("masked_lm", "text_classification"),
    "modernbert to classes": labelled("masked_lm-modernbert", "text_classification-modernbert"),
    "gpt2 to a number": labelled("causal_lm-apart", "text_classification-gpt2"),
    "llama to classes": labelled("causal_lm-llama", "text_classification-llama"),
    "t5 to classes": labelled("text_denoising_autoencoder", "text_classification-t5"),
    "bert to tags": tagged("masked_lm", "token_classification"),
    "modernbert to tags": tagged("masked_lm-modernbert", "token_classification-modernbert"),
    "gpt2 to tags": tagged("causal_lm-apart", "token_classification-gpt2"),
    "llama to tags": tagged("causal_lm-llama", "token_classification-llama"),
    "t5 to tags": tagged("text_denoising_autoencoder", "token_classification-t5"),
    "classes to bert": labelled("text_classification", "masked_lm"),
    "classes to t5": labelled("text_classification-t5", "text_denoising_autoencoder"),
    "spectrograms to classes": (
        document("masked_spectrogram"),
        document("audio_classification", scope="encoder"),
    ),
    "classes to spectrograms": (
        document("audio_classification"),
        document("masked_spectrogram", scope="encoder"),
    ),
    "wav2vec2 to classes": (
        document("wav2vec2"),
        document("audio_classification-wav2vec2", scope="encoder"),
    ),
    "wav2vec2 classes to classes": (
        document("audio_classification-wav2vec2"),
        document("audio_classification-wav2vec2", scope="encoder", task={"label_smoothing": 0.2}),
    ),
    "spectrograms": (
        document("masked_spectrogram"),
        document("masked_spectrogram", scope="encoder", task={"mask_ratio": 0.5}),
    ),
    "wav2vec2": (
        document("wav2vec2"),
        document("wav2vec2", scope="encoder", task={"negatives": 3, "codewords": 9}),
    ),
}


def data_of(spec: dict[str, Any], request: pytest.FixtureRequest) -> Path:
    modality = validate(spec).task.modality
    text = f"{spec['name']}_sentences" if spec["name"] in {"labelled", "tagged"} else "sentences"
    name = {"text": text, "image": "pictures", "audio": "recordings"}[modality]
    path: Path = request.getfixturevalue(name)
    return path


@pytest.fixture
def trained(
    pretrain: Any, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Any]:
    """The last checkpoint of a run on a spec."""

    def train(spec: dict[str, Any]) -> Path:
        out = tmp_path_factory.mktemp("source")
        engine = pretrain(spec, out, data=data_of(spec, request))
        assert engine.end() == {"exit": 0}, engine.log.read_text()
        return out / f"step-{STEPS:08d}"

    return train


def made(spec: dict[str, Any], data: Path, cache: Path) -> Any:
    job = validate(spec)
    return create_objective(job, prepare_for(job, data_files([data], job.task.modality), cache)).eval()


def inputs_of(objective: Any) -> tuple[Tensor, Tensor | None]:
    """The encoder's inputs for some samples."""
    rows = objective.samples("train").rows(np.arange(4))
    if isinstance(objective, AudioObjective):
        return objective.sound(rows)
    if isinstance(objective, ImageObjective):
        return objective.normalised(objective.pixels(rows)), None
    assert isinstance(objective, LanguageModel)
    return torch.from_numpy(objective.text(rows)), None


@pytest.mark.parametrize("name", PAIRS)
@torch.no_grad()
def test_another_task_begins_with_the_encoders_weights_and_fresh_heads(
    name: str, pretrain: Any, trained: Any, tmp_path: Path, cache: Path, request: pytest.FixtureRequest
) -> None:
    first, second = PAIRS[name]
    data = data_of(second, request)
    checkpoint = trained(first)
    source, fresh, started = made(first, data, cache), made(second, data, cache), made(second, data, cache)
    source.restore(checkpoint)
    started.start_from_encoder(checkpoint)
    inputs, real = inputs_of(source)
    tokens, own, before = (one.learned_encoder.tokens(inputs, real) for one in (source, started, fresh))
    assert torch.equal(own, tokens)
    assert not torch.allclose(before, tokens, atol=1e-4)
    for student, teacher in (("encoder", "companion"), ("encoder", "student")):
        if hasattr(started, teacher):
            taken, kept = getattr(started, teacher).state_dict(), getattr(started, student).state_dict()
            assert all(torch.equal(tensor, kept[key]) for key, tensor in taken.items())
    heads = [key for key in fresh.state_dict() if key.startswith(("head.", "predictor.", "decoder."))]
    assert all(torch.equal(started.state_dict()[key], fresh.state_dict()[key]) for key in heads)

    engine = pretrain(second, tmp_path / "out", "--start", str(checkpoint), data=data)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert engine.of("started")[0]["resumed_from_step"] == 0
    assert {event["step"] for event in engine.of("metrics")} == set(range(1, STEPS + 1))
    assert (tmp_path / "out" / f"step-{STEPS:08d}" / "manifest.json").exists()


@pytest.mark.parametrize("name", ["mae to dino", "tokens to features"])
def test_a_run_that_started_from_an_encoder_ends_with_the_same_bits_wherever_it_was_killed(
    name: str, pretrain: Any, trained: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    first, second = PAIRS[name]
    second = second | {"training": second["training"] | {"steps": 6}}
    data, start = data_of(second, request), ("--start", str(trained(first)))
    straight, broken, unstarted = tmp_path / "straight", tmp_path / "broken", tmp_path / "unstarted"
    assert pretrain(second, straight, *start, data=data).end() == {"exit": 0}
    # Before it has a checkpoint of its own, and after.
    for dies_at in (2, 6):
        assert pretrain(second, broken, *start, data=data, dies_at=dies_at).end() == {
            "signal": signal.SIGKILL
        }
    last = pretrain(second, broken, *start, data=data)
    assert last.end() == {"exit": 0}
    assert last.of("started")[0]["resumed_from_step"] in {2, 4}
    assert hashes(broken, 6) == hashes(straight, 6)
    assert points(broken) == points(straight)
    fresh = {part: values for part, values in second.items() if part != "start"}
    assert pretrain(fresh, unstarted, data=data).end() == {"exit": 0}
    assert points(unstarted) != points(straight)


def test_a_start_with_scope_all_continues_as_the_run_would_have(
    spec: dict[str, Any], pretrain: Any, tmp_path: Path
) -> None:
    straight, begun = tmp_path / "straight", tmp_path / "begun"
    assert pretrain(spec, straight).end() == {"exit": 0}
    step = next(number for number in (12, 15) if (straight / f"step-{number:08d}").exists())
    checkpoint = str(straight / f"step-{step:08d}")
    for start in ({}, {"start": {"scope": "all"}}):
        out = begun / str(len(start))
        engine = pretrain(spec | start, out, "--start", checkpoint)
        assert engine.end() == {"exit": 0}
        assert engine.of("started")[0]["resumed_from_step"] == step
        assert hashes(out, 16) == hashes(straight, 16)


def test_its_own_checkpoint_comes_before_what_it_started_from(
    spec: dict[str, Any], pretrain: Any, tmp_path: Path
) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    assert pretrain(spec, source).end() == {"exit": 0}
    start = ("--start", str(source / "step-00000016"))
    begun = spec | {"start": {"scope": "encoder"}}
    assert pretrain(begun, out, *start).end() == {"exit": 0}
    again = pretrain(begun, out)
    assert again.end() == {"exit": 0}, "its own checkpoint needs no start beside it"
    assert again.of("started")[0]["resumed_from_step"] == 16
    fresh = pretrain(begun, out, "--fresh", *start)
    assert fresh.end() == {"exit": 0}
    assert fresh.of("started")[0]["resumed_from_step"] == 0
    # Another start is another run.
    other = pretrain(spec, out)
    assert other.end() == {"exit": 64}
    assert other.of("failed")[0]["code"] == "run_directory_taken"


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "no class token": ("masked_autoencoder", document("joint_embedding_prediction"), "task.kind: "),
    "lightness": ("contrastive", document("colorization"), "data.image.channels: "),
    "other network": ("contrastive", document("rotation"), "model.architecture: "),
    "other depth": ("masked_lm", document("masked_lm", model={"layers": 3}), "model.layers: "),
    "heads of the same shape": ("masked_lm", document("masked_lm", model={"heads": 4}), "model.heads: "),
    "no encoder": ("dcgan", document("rotation-resnet"), "learns no encoder"),
    "other positions": (
        "masked_lm",
        document("masked_lm", training={"sequence_length": 16}),
        "training.sequence_length: ",
    ),
    "other frames": (
        "masked_spectrogram",
        document("masked_spectrogram", task={"patch_size": 8}),
        "task.patch_size: ",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_encoder_that_does_not_fit_is_refused_by_the_field(
    name: str, pretrain: Any, trained: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source, second, said = REFUSED[name]
    checkpoint = trained(document(source))
    second = second | {"start": {"scope": "encoder"}}
    engine = pretrain(second, tmp_path / "out", "--start", str(checkpoint), data=data_of(second, request))
    assert engine.end()["exit"] != 0
    (failed,) = engine.of("failed")
    assert failed["code"] == "checkpoint_mismatch"
    assert said in failed["message"]


def test_a_tokenizer_with_other_token_ids_is_refused(
    pretrain: Any, trained: Any, tmp_path: Path, corpus: Path
) -> None:
    first, second = PAIRS["masked spans to tokens"]
    engine = pretrain(second, tmp_path / "out", "--start", str(trained(first)), data=corpus)
    assert engine.end()["exit"] != 0
    (failed,) = engine.of("failed")
    assert failed["code"] == "checkpoint_mismatch"
    assert "tokens have another id" in failed["message"]


def test_a_start_that_is_missing_or_damaged_is_no_fresh_start(
    pretrain: Any, trained: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    first, second = PAIRS["mae to dino"]
    data, checkpoint = data_of(second, request), trained(first)
    engine = pretrain(second, tmp_path / "out", data=data)
    assert engine.end()["exit"] != 0
    assert engine.of("failed")[0]["code"] == "start_missing"
    with (checkpoint / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    engine = pretrain(second, tmp_path / "out", "--start", str(checkpoint), data=data)
    assert engine.end()["exit"] != 0
    assert engine.of("failed")[0]["code"] == "checkpoint_damaged"
