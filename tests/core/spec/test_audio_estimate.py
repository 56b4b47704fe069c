"""The sizing of audio jobs, compared with the real networks."""

from typing import Any

import pytest
import torch
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2ForPreTraining

from core.networks.spectrogram_mae import Decoder, Grid, ast_config
from core.spec.estimate import estimate
from core.spec.job import JobSpec
from core.spec.problems import validate
from core.tasks.masked_spectrogram.spec import MaskedSpectrogram
from core.tasks.wav2vec2.objective import pretraining_config
from core.tasks.wav2vec2.spec import Wav2Vec2


def spec(task: dict[str, Any], model: dict[str, Any], **training: Any) -> JobSpec:
    return validate(
        {
            "name": "x",
            "task": task,
            "model": model,
            "training": {"steps": 1, "batch_size": 16} | training,
            "resources": {"device": "cpu"},
        }
    )


def trained(*networks: torch.nn.Module) -> int:
    return sum(p.numel() for network in networks for p in network.parameters() if p.requires_grad)


@pytest.mark.parametrize("preset", ["wav2vec2-tiny", "wav2vec2-small", "wav2vec2-base"])
@pytest.mark.parametrize("norm", ["group", "layer"])
@pytest.mark.parametrize("kernels", [[10, 3, 3, 3, 3, 2, 2], [7, 5, 1]])
def test_wav2vec2_is_counted_as_transformers_makes_it(preset: str, norm: str, kernels: list[int]) -> None:
    encoder = {"kernels": kernels, "strides": [2] * len(kernels), "normalization": norm}
    job = spec({"kind": "wav2vec2", "feature_encoder": encoder, "codewords": 77}, {"preset": preset})
    assert isinstance(job.task, Wav2Vec2)
    with torch.device("meta"):
        network = Wav2Vec2ForPreTraining(pretraining_config(job.size, job.task, 0.1))
    assert estimate(job).parameters == trained(network)


def test_the_papers_base_has_its_size() -> None:
    """arXiv 2006.11477 says 95 million."""
    task = {"kind": "wav2vec2", "feature_encoder": {"normalization": "group"}}
    assert estimate(spec(task, {"preset": "wav2vec2-base"})).parameters == pytest.approx(95e6, rel=0.01)


@pytest.mark.parametrize("preset", ["ast-tiny", "ast-small", "ast-base"])
@pytest.mark.parametrize("width", [None, 96])
def test_the_audio_mae_is_counted_as_transformers_makes_it(preset: str, width: int | None) -> None:
    from transformers import AutoModel  # noqa: PLC0415 - slow to import

    job = spec({"kind": "masked_spectrogram", "decoder_hidden_size": width}, {"preset": preset})
    task, size = job.task, job.size
    assert isinstance(task, MaskedSpectrogram)
    grid = Grid(8, 25, 16)
    config = ast_config(size, mel_bins=task.mel_bins, patch_size=task.patch_size, frames=400, dropout=0.0)
    with torch.device("meta"):
        encoder = AutoModel.from_config(config)
        encoder.embeddings.position_embeddings.requires_grad_(False)
    decoder = Decoder(
        config, grid, width=task.decoder_width(size.hidden_size, size.heads), layers=task.decoder_layers
    )
    assert estimate(job).parameters == trained(encoder, decoder)


@pytest.mark.parametrize("kind", ["wav2vec2", "masked_spectrogram"])
def test_activations_grow_with_what_is_on_the_device_at_once(kind: str) -> None:
    base = estimate(spec({"kind": kind}, {})).activation_bytes
    assert base > 0
    assert estimate(spec({"kind": kind}, {}, batch_size=32)).activation_bytes == pytest.approx(
        2 * base, rel=0.01
    )
    halved = estimate(spec({"kind": kind}, {}, batch_size=32, accumulation_steps=2))
    assert halved.activation_bytes == base
    assert estimate(spec({"kind": kind}, {}, precision="bf16")).activation_bytes < base
