"""wav2vec 2.0: distinguish a masked frame's quantised sound from that of other frames of the same recording.

Baevski et al. 2020, arXiv 2006.11477. Convolutions turn samples into frames, a transformer gets them with spans masked,
and its output at a masked frame is compared with the code words of the frames themselves. Only masked
frames are quantised and compared: the same loss as `transformers`' own forward pass, without its work on all the others.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import Wav2Vec2Config
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2ForPreTraining

from core.augmentation.spans import masked_spans
from core.checkpoints.bundle import Bundle, Network, Tensors
from core.data import Prepared, Samples
from core.data.audio import PreparedAudio
from core.evaluation.pictures import one_above_other, png
from core.evaluation.spectrograms import draw_spectrograms
from core.networks.audio_encoder import WaveEncoder
from core.networks.encoder import Encoder
from core.networks.log_mel import LogMel
from core.networks.settings import as_configured
from core.networks.wav2vec2 import (
    Quantized,
    create_wav2vec2,
    encode_frames,
    quantize,
    wav2vec2_config,
)
from core.objectives.audio import CHECKPOINT_ADVICE, is_audio
from core.objectives.base import Batch, Concern, Losses, Shown, chunks, objective_for
from core.objectives.waves import WaveObjective
from core.randomness import derive_seed
from core.spec.architectures.ast import FRAME_LENGTH, FRAME_STEP
from core.spec.architectures.transformer import TransformerSize
from core.spec.audio import AudioAugmentation
from core.spec.job import JobSpec
from core.tasks.wav2vec2.losses import (
    codebook_perplexity,
    diversity,
    quantized_contrastive,
)
from core.tasks.wav2vec2.spans import masked_positions, negative_indices
from core.tasks.wav2vec2.spec import Wav2Vec2

_EVALUATION_KEY = derive_seed(0, "evaluation masks")
_COLLAPSED_WORDS = 3.0
"""Least number of code words in use per codebook; with fewer, targets carry almost no information."""
_BANDS = 64
"""Mel bands of the spectrograms in pictures; the network uses no spectrogram."""


@objective_for(Wav2Vec2)
class Wav2Vec2Pretraining(WaveObjective):
    """wav2vec 2.0's pretraining task."""

    model: Wav2Vec2ForPreTraining
    _steps_done: Tensor

    def __init__(self, job: JobSpec, task: Wav2Vec2, data: PreparedAudio) -> None:
        super().__init__(job, data, task.augmentation, task.feature_encoder)
        self.task = task
        config = as_configured(job, pretraining_config(job.size, task, job.dropout), *PRETRAINING_SETTINGS)
        self.model = create_wav2vec2(config, job.training.seed)
        self.decay = task.gumbel_decay or _decay_over(job.training.total_steps, task)
        self.step = 0
        self.register_buffer("_steps_done", torch.zeros((), dtype=torch.int64))

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(job.task, Wav2Vec2)
        assert is_audio(data)
        return cls(job, job.task, data)

    @property
    def gumbel_temperature(self) -> float:
        """Temperature of the Gumbel softmax in the next step: a function of the step alone."""
        return max(self.task.gumbel_temperature * self.decay**self.step, self.task.gumbel_temperature_final)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        return self._collate(rows, samples, key, self.augmentation)

    def forward(self, batch: Batch) -> Losses:
        contrastive, correct, quantized = self._contrast(batch, self.gumbel_temperature)
        perplexity = codebook_perplexity(quantized.shares, _within(batch).flatten())
        unused = diversity(perplexity, self.task.codebooks * self.task.codewords) * batch.count
        return Losses(
            contrastive + self.task.diversity_weight * unused,
            {
                "contrastive_loss": contrastive.detach(),
                "diversity_loss": unused.detach(),
                "contrastive_accuracy": correct.detach().float(),
                "codebook_perplexity": perplexity.detach() * batch.count,
            },
        )

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        loss = torch.zeros((), dtype=torch.float64, device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        used = torch.zeros(self.task.codebooks, self.task.codewords, dtype=torch.int64, device=self.device)
        count = 0
        for chunk in chunks(indices, batch_size):
            batch = self._collate(samples.rows(chunk), chunk, _EVALUATION_KEY, None).to(self.device)
            contrastive, right, quantized = self._contrast(batch, None)
            loss += contrastive.double()
            correct += right
            codes = quantized.codes[_within(batch).flatten()]
            for book in range(self.task.codebooks):
                used[book] += torch.bincount(codes[:, book], minlength=self.task.codewords)
            count += batch.count
        shares = used.double() / used.sum(dim=1, keepdim=True).clamp_min(1)
        return {
            "eval/loss": loss.item() / count if count else math.nan,
            "eval/contrastive_accuracy": correct.item() / count if count else math.nan,
            "eval/codebook_perplexity": torch.special.entr(shares).sum(dim=1).exp().sum().item(),
        }

    def concerns(self, values: Mapping[str, float]) -> Sequence[Concern]:
        perplexity = values.get("eval/codebook_perplexity", math.inf)
        least = _COLLAPSED_WORDS * self.task.codebooks
        if perplexity >= least or self.task.codewords <= _COLLAPSED_WORDS:
            return ()
        return (
            Concern(
                "codebook_collapsed",
                f"Of {self.task.codebooks} codebooks of {self.task.codewords} words together about {perplexity:.1f} words are "
                "in use: the targets hardly differ, and there is next to nothing to learn from them. Raise "
                "task.diversity_weight, lower the learning rate or lengthen its warm-up, or keep "
                "task.gumbel_temperature high for longer (task.gumbel_decay).",
                {
                    "codebooks": self.task.codebooks,
                    "codewords": self.task.codewords,
                    "perplexity": perplexity,
                },
            ),
        )

    def preview(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Sequence[Shown]:
        """Rows: the clips as spectrograms, and the same with masked frames in grey.

        The network's input is sound, and it masks the outputs of its convolutions: a column is grey if the frame
        with the nearest centre is masked.
        """
        batch = self.collate(rows, samples, key).to(self.device)
        log_mel = LogMel(
            _BANDS, self.data.sampling_rate, max(1, (self.clip - FRAME_LENGTH) // FRAME_STEP + 1)
        )
        with torch.no_grad():
            spectrograms = log_mel.to(self.device)(self.waves(batch), batch.tensors["lengths"])
        encoder = self.task.feature_encoder
        middles = np.arange(log_mel.frames) * FRAME_STEP + (FRAME_LENGTH - encoder.field) / 2
        nearest = np.rint(middles / encoder.stride).astype(np.int64).clip(0, self.width - 1)
        hidden = batch.tensors["masked"][:, torch.from_numpy(nearest).to(self.device)][..., None]
        grey = (spectrograms.min() + spectrograms.max()).item() / 2
        pictures = draw_spectrograms(spectrograms, spectrograms.masked_fill(hidden, grey))
        return (Shown("sound_masked", "image/png", png(one_above_other(*pictures))),)

    @property
    def layers(self) -> Sequence[nn.Module]:
        return [self.model.wav2vec2.feature_projection, *self.learned_encoder.blocks]

    @property
    def learned_encoder(self) -> Encoder:
        return WaveEncoder(self.model)

    @property
    def bundle(self) -> Bundle:
        network = Network("model.", self.model, write_beside=self.save_preprocessor)
        return Bundle(networks=[network], tensors=[Tensors()], advice=CHECKPOINT_ADVICE)

    def restored(self) -> None:
        self.step = int(self._steps_done)

    def after_step(self, step: int) -> None:
        self.step = step
        self._steps_done.fill_(step)

    def compile_networks(self) -> None:
        self.model.wav2vec2.encoder.compile()

    def _collate(
        self, rows: NDArray[Any], samples: NDArray[np.int64], key: int, augmentation: AudioAugmentation | None
    ) -> Batch:
        task = self.task
        tensors, lengths = self.clips(rows, samples, key, augmentation)
        frames = self.frames_of(lengths)
        masked = masked_spans(
            key,
            samples,
            frames,
            self.width,
            start_probability=task.mask_start_probability,
            length=task.mask_length,
        )
        positions, counts = masked_positions(masked)
        negatives = negative_indices(key, samples, counts, positions.shape[1], task.negatives)
        tensors |= {
            "frames": torch.from_numpy(frames),
            "masked": torch.from_numpy(masked),
            "positions": torch.from_numpy(positions),
            "counts": torch.from_numpy(counts),
            "negatives": torch.from_numpy(negatives),
        }
        return Batch(tensors, count=int(counts.sum()), samples=len(rows), tokens=int(frames.sum()))

    def _contrast(self, batch: Batch, temperature: float | None) -> tuple[Tensor, Tensor, Quantized]:
        """The summed contrastive loss, the number of correct frames, and the choice of code words."""
        tensors = batch.tensors
        waves = self.standardized(self.waves(batch), tensors["lengths"])
        hidden, features = encode_frames(self.model.wav2vec2, waves, tensors["frames"], tensors["masked"])
        positions = tensors["positions"][..., None]
        hidden = hidden.gather(1, positions.expand(-1, -1, hidden.shape[2]))
        features = features.gather(1, positions.expand(-1, -1, features.shape[2]))
        quantized = quantize(
            self.model.quantizer, self.model.dropout_features(features).flatten(0, 1), temperature
        )
        shape = positions.shape[:2]
        loss, correct = quantized_contrastive(
            self.model.project_hid(hidden),
            self.model.project_q(quantized.words).view(*shape, -1),
            quantized.codes.view(*shape, -1),
            tensors["negatives"],
            _within(batch),
            temperature=self.task.contrast_temperature,
        )
        return loss, correct, quantized


def _within(batch: Batch) -> Tensor:
    """Which of the positions are masked frames and not padding, bool (B, M)."""
    positions, counts = batch.tensors["positions"], batch.tensors["counts"]
    return torch.arange(positions.shape[1], device=positions.device) < counts[:, None]


def _decay_over(steps: int, task: Wav2Vec2) -> float:
    """The factor by which the temperature goes from the first to the last value in this many steps."""
    ratio: float = (task.gumbel_temperature_final / task.gumbel_temperature) ** (1.0 / steps)
    return ratio


PRETRAINING_SETTINGS = (
    "num_codevector_groups",
    "num_codevectors_per_group",
    "codevector_dim",
    "proj_codevector_dim",
    "contrastive_logits_temperature",
    "num_negatives",
    "diversity_loss_weight",
    "mask_time_prob",
    "mask_time_length",
)
"""Settings of the network's configuration that the task decides."""


def pretraining_config(size: TransformerSize, task: Wav2Vec2, dropout: float) -> Wav2Vec2Config:
    """The configuration of the network with its quantizer and projections."""
    return wav2vec2_config(
        size,
        task.feature_encoder,
        position_kernel=task.position_kernel,
        dropout=dropout,
        num_codevector_groups=task.codebooks,
        num_codevectors_per_group=task.codewords,
        codevector_dim=task.codebooks * task.codeword_size,
        proj_codevector_dim=task.projection_size,
        contrastive_logits_temperature=task.contrast_temperature,
        num_negatives=task.negatives,
        diversity_loss_weight=task.diversity_weight,
        mask_time_prob=task.mask_start_probability,
        mask_time_length=task.mask_length,
    )
