"""wav2vec 2.0 against `transformers`' own forward pass, and as a task."""

import copy
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoFeatureExtractor, AutoModel, AutoModelForPreTraining

from core.checkpoints.writer import copy_to_host
from core.data import Prepared, data_files, prepare_for
from core.data.audio import PreparedAudio
from core.networks.wav2vec2 import encode_frames, quantize, standardize
from core.objectives.base import Batch
from core.randomness import seed_torch
from core.spec.estimate import estimate
from core.spec.job import JobSpec
from core.spec.problems import SpecError, validate
from core.tasks.objectives import create_objective
from core.tasks.wav2vec2.objective import Wav2Vec2Pretraining
from tests.core.tasks.gradients import assert_same_gradients


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small are slower on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def job_of(spec: dict[str, Any], tasks: dict[str, Any], **changed: Any) -> JobSpec:
    return validate(spec | {"task": tasks["wav2vec2"] | changed})


@pytest.fixture
def data(recordings: Path, cache: Path, audio_spec: dict[str, Any], audio_tasks: dict[str, Any]) -> Prepared:
    return prepare_for(job_of(audio_spec, audio_tasks), data_files([recordings], "audio"), cache)


@pytest.fixture
def objective(data: Prepared, audio_spec: dict[str, Any], audio_tasks: dict[str, Any]) -> Wav2Vec2Pretraining:
    audio_spec["model"]["dropout"] = 0.0
    created = create_objective(job_of(audio_spec, audio_tasks), data)
    assert isinstance(created, Wav2Vec2Pretraining)
    return created


def batch_of(objective: Wav2Vec2Pretraining, *ids: int, key: int = 5) -> Batch:
    indices = np.array(ids)
    return objective.collate(objective.samples("train").rows(indices), indices, key)


def with_own_attention(model: Any) -> Any:
    """A copy of a network with the attention of `transformers`, which shows what ours attends to."""
    own = copy.deepcopy(model)
    own.set_attn_implementation("eager")
    return own


def transformers_loss(model: Any, batch: Batch) -> Any:
    """The loss of ``Wav2Vec2ForPreTraining`` on the same batch, with negatives among all frames of all recordings."""
    t = batch.tensors
    width = t["masked"].shape[1]
    negatives = torch.zeros(*t["masked"].shape, t["negatives"].shape[2], dtype=torch.int64)
    for row, count in enumerate(t["counts"].tolist()):
        for m, position in enumerate(t["positions"][row, :count].tolist()):
            negatives[row, position] = row * width + t["positions"][row][t["negatives"][row, m]]
    waves = standardize(t["waves"], t["lengths"])
    samples = torch.arange(waves.shape[1]) < t["lengths"][:, None]
    return model(
        waves,
        attention_mask=samples.long(),
        mask_time_indices=t["masked"],
        sampled_negative_indices=negatives,
    )


def test_the_loss_equals_that_of_transformers(objective: Wav2Vec2Pretraining) -> None:
    objective.eval()  # so that code words are chosen without noise
    batch = batch_of(objective, 0, 1, 2, 3, 4)
    assert len(set(batch.tensors["lengths"].tolist())) > 1
    reference = with_own_attention(objective.model)
    expected = transformers_loss(reference, batch)
    found, _, quantized = objective._contrast(batch, None)
    assert found.item() == pytest.approx(expected.contrastive_loss.item(), rel=1e-5)
    assert batch.count == int(batch.tensors["masked"].sum())

    names = ("wav2vec2.feature_extractor.conv_layers.0.conv.weight", "project_q.weight", "project_hid.bias")
    parameters = [objective.model.get_parameter(name) for name in names]
    gradients = torch.autograd.grad(found, parameters, retain_graph=True)
    wanted = torch.autograd.grad(expected.contrastive_loss, [reference.get_parameter(name) for name in names])
    for one, other in zip(gradients, wanted, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-4 * other.abs().max().item())
    assert quantized.codes.shape[1] == 2


def test_code_words_equal_those_of_transformers(objective: Wav2Vec2Pretraining) -> None:
    quantizer = objective.model.quantizer
    features = torch.randn(1, 50, 16)
    quantizer.eval()
    words, _ = quantizer(features)
    assert torch.allclose(quantize(quantizer, features[0], None).words, words[0], atol=1e-6)

    quantizer.train()
    quantizer.temperature = 0.7
    torch.manual_seed(3)
    words, perplexity = quantizer(features)
    torch.manual_seed(3)
    noisy = quantize(quantizer, features[0], 0.7)
    assert torch.allclose(noisy.words, words[0], atol=1e-6)
    mean = noisy.shares.mean(dim=0)
    assert torch.special.entr(mean).sum(-1).exp().sum().item() == pytest.approx(perplexity.item(), rel=1e-5)
    found = torch.autograd.grad(noisy.words.square().sum(), quantizer.weight_proj.weight)[0]
    wanted = torch.autograd.grad(words.square().sum(), quantizer.weight_proj.weight)[0]
    assert torch.allclose(found, wanted, atol=1e-5)


def test_the_total_is_contrastive_loss_plus_weighted_diversity(objective: Wav2Vec2Pretraining) -> None:
    batch = batch_of(objective, 0, 1, 2, 3)
    seed_torch(1)
    losses = objective(batch)
    weight = objective.task.diversity_weight
    parts = losses.named["contrastive_loss"] + weight * losses.named["diversity_loss"]
    assert losses.total.item() == pytest.approx(parts.item(), rel=1e-6)
    perplexity = losses.named["codebook_perplexity"].item() / batch.count
    assert losses.named["diversity_loss"].item() / batch.count == pytest.approx(
        (24 - perplexity) / 24, rel=1e-4
    )
    assert 2.0 <= perplexity <= 24.0


def slow_total(objective: Wav2Vec2Pretraining, batch: Batch) -> torch.Tensor:
    """Equation 3 frame by frame, and the share of code words not in use, from the networks' outputs."""
    t, task, model = batch.tensors, objective.task, objective.model
    waves = standardize(objective.waves(batch), t["lengths"])
    hidden, features = encode_frames(model.wav2vec2, waves, t["frames"], t["masked"])
    chosen = torch.cat([own[places] for own, places in zip(features, t["positions"], strict=True)])
    quantized = quantize(model.quantizer, chosen, objective.gumbel_temperature)
    width = t["positions"].shape[1]
    total, shares = torch.zeros(()), []
    for row, count in enumerate(t["counts"].tolist()):
        places = t["positions"][row, :count].tolist()
        assert places == torch.nonzero(t["masked"][row]).flatten().tolist()
        codes = quantized.codes[row * width : row * width + count].tolist()
        targets = [model.project_q(quantized.words[row * width + m]) for m in range(count)]
        shares += [quantized.shares[row * width + m] for m in range(count)]
        for m, place in enumerate(places):
            context = model.project_hid(hidden[row, place])
            others = [n for n in t["negatives"][row, m].tolist() if codes[n] != codes[m]]
            raised = [
                torch.exp(
                    (context * targets[n]).sum()
                    / (context.norm() * targets[n].norm())
                    / task.contrast_temperature
                )
                for n in (m, *others)
            ]
            total = total - torch.log(raised[0] / sum(raised))
    words = task.codebooks * task.codewords
    mean = sum(shares) / len(shares)
    in_use = sum(torch.exp(-sum(share * torch.log(share) for share in book)) for book in mean)
    return total + task.diversity_weight * (words - in_use) / words * len(shares)


@pytest.mark.parametrize("ids", [(0, 1, 2), (3,)], ids=["three", "one"])
def test_loss_and_gradients_are_the_papers(objective: Wav2Vec2Pretraining, ids: tuple[int, ...]) -> None:
    objective.eval()  # the choice of code words is random in both
    objective.task = objective.task.model_copy(update={"diversity_weight": 3.0})
    batch = batch_of(objective, *ids)
    seed_torch(1)
    found = objective(batch).total
    seed_torch(1)
    assert_same_gradients(objective, found, slow_total(objective, batch))


def test_padding_after_a_recording_changes_nothing(objective: Wav2Vec2Pretraining) -> None:
    """With norms over each frame by itself, also the batch's other recordings change nothing."""
    objective.eval()
    samples = objective.samples("train")
    shortest = int(np.argmin(samples.rows(np.arange(len(samples)))["length"]))
    with torch.no_grad():
        alone = objective.encode(samples.rows(np.array([shortest])))
        together = objective.encode(samples.rows(np.array([0, shortest, 3])))
        every_alone = objective.encode_layers(samples.rows(np.array([shortest])))
        every_together = objective.encode_layers(samples.rows(np.array([0, shortest, 3])))
    assert alone.shape == (1, 32)
    assert torch.allclose(alone[0], together[1], atol=1e-5)
    layers = objective.model.config.num_hidden_layers
    assert every_alone.shape == (1, layers + 1, 32)
    assert torch.allclose(every_alone[0], every_together[1], atol=1e-5)
    assert not torch.allclose(every_alone[0, 0], every_alone[0, -1])


@pytest.mark.parametrize("seconds", [0.0301, 0.1, 0.2377, 0.5])
def test_odd_lengths_and_a_batch_of_one(
    data: Prepared, audio_spec: dict[str, Any], audio_tasks: dict[str, Any], seconds: float
) -> None:
    audio_spec["data"]["audio"]["clip_seconds"] = seconds
    objective = create_objective(job_of(audio_spec, audio_tasks), data)
    assert isinstance(objective, Wav2Vec2Pretraining)
    for norm in ("layer", "group"):
        objective.task.feature_encoder.model_copy(update={"normalization": norm})
        batch = batch_of(objective, 2)
        losses = objective(batch)
        losses.total.backward()
        assert math.isfinite(losses.total.item())
    held_out = objective.samples("held_out")
    objective.eval()
    with torch.no_grad():
        measures = objective.evaluate(held_out, np.arange(3), 2)
    assert all(math.isfinite(value) for value in measures.values())


def test_clips_shorter_than_two_frames_are_refused(
    audio_spec: dict[str, Any], audio_tasks: dict[str, Any]
) -> None:
    audio_spec["data"]["audio"]["clip_seconds"] = 0.01
    with pytest.raises(SpecError, match="two are the least") as caught:
        job_of(audio_spec, audio_tasks)
    assert caught.value.problems[0].param == "data.audio.clip_seconds"


def test_evaluation_is_the_same_for_any_batch_size(objective: Wav2Vec2Pretraining) -> None:
    objective.eval()
    held_out = objective.samples("held_out")
    with torch.no_grad():
        one, other = (objective.evaluate(held_out, np.arange(8), size) for size in (3, 8))
    assert one.keys() == {"eval/loss", "eval/contrastive_accuracy", "eval/codebook_perplexity"}
    assert one == pytest.approx(other, rel=1e-5)


def test_the_temperature_is_a_function_of_the_step(objective: Wav2Vec2Pretraining) -> None:
    task = objective.task
    assert objective.gumbel_temperature == task.gumbel_temperature
    objective.after_step(4)
    middle = math.sqrt(task.gumbel_temperature * task.gumbel_temperature_final)
    assert objective.gumbel_temperature == pytest.approx(middle)
    objective.after_step(1000)
    assert objective.gumbel_temperature == task.gumbel_temperature_final


def test_a_collapsed_codebook_is_reported(objective: Wav2Vec2Pretraining) -> None:
    assert not objective.concerns({"eval/codebook_perplexity": 15.0})
    (concern,) = objective.concerns({"eval/codebook_perplexity": 2.5})
    assert concern.code == "codebook_collapsed"
    assert "diversity_weight" in concern.message


def test_export_opens_in_transformers_and_restores(
    objective: Wav2Vec2Pretraining, data: Prepared, audio_spec: dict[str, Any], tmp_path: Path
) -> None:
    objective.after_step(6)
    objective.export(tmp_path, copy_to_host(objective.state_dict()))
    loaded, report = AutoModelForPreTraining.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report.values())
    assert type(loaded).__name__ == "Wav2Vec2ForPreTraining"

    assert isinstance(data, PreparedAudio)
    wave = data.recording("train", 0)[: objective.clip] / np.float32(32767)
    extractor = AutoFeatureExtractor.from_pretrained(tmp_path)
    inputs = extractor(wave, sampling_rate=8000, return_tensors="pt")
    objective.eval()
    with torch.no_grad():
        opened = AutoModel.from_pretrained(tmp_path)(**inputs).last_hidden_state.mean(dim=1)
        ours = objective.encode(objective.samples("train").rows(np.array([0])))
    assert torch.allclose(opened, ours, atol=1e-5)

    audio_spec["training"]["seed"] = 8
    fresh = create_objective(validate(audio_spec | {"task": objective.task.model_dump()}), data)
    assert isinstance(fresh, Wav2Vec2Pretraining)
    fresh.restore(tmp_path)
    assert fresh.step == 6
    for name, tensor in objective.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], tensor), name


def test_parameters_are_counted(objective: Wav2Vec2Pretraining, audio_spec: dict[str, Any]) -> None:
    spec = validate(audio_spec | {"task": objective.task.model_dump()})
    assert estimate(spec).parameters == objective.parameter_count


def test_it_learns(objective: Wav2Vec2Pretraining) -> None:
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(objective.parameters(), 3e-3)
    batch = batch_of(objective, *range(8))
    first = last = math.nan
    for step in range(1, 31):
        losses = objective(batch)
        last = losses.named["contrastive_loss"].item() / batch.count
        first = last if step == 1 else first
        (losses.total / batch.count).backward()
        optimizer.step()
        optimizer.zero_grad()
        objective.after_step(step)
    assert last < 0.8 * first


def test_a_preview_greys_the_frames_that_the_step_masks(objective: Wav2Vec2Pretraining) -> None:
    ids = np.array([4, 2, 7])
    (shown,) = objective.preview(objective.samples("train").rows(ids), ids, 11)
    picture = np.array(Image.open(io.BytesIO(shown.content)))
    masked = batch_of(objective, *ids, key=11).tensors["masked"].numpy()
    encoder = objective.task.feature_encoder
    field = next(n for n in range(1, 10_000) if encoder.frames(n) == 1)
    stride = next(n for n in range(field, 10_000) if encoder.frames(n) == 2) - field
    columns = (objective.clip - 400) // 160 + 1
    assert picture.shape == (2 + 2 * 66, 2 + 3 * (columns + 2))
    for number in range(len(ids)):
        left = 2 + number * (columns + 2)
        whole, hidden = picture[2:66, left : left + columns], picture[68:132, left : left + columns]
        for column in range(columns):
            middle = 160 * column + 399 / 2
            frame = min(range(masked.shape[1]), key=lambda f: abs(f * stride + (field - 1) / 2 - middle))
            if masked[number, frame]:
                assert set(np.unique(hidden[:, column])) <= {127, 128}
            else:
                assert (hidden[:, column] == whole[:, column]).all()
    assert 0 < masked.mean() < 1
