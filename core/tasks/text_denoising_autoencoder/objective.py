"""Denoising of text by an encoder and a decoder: T5 (Raffel et al. 2019, arXiv 1910.10683).

Spans are removed from a text and each is replaced by a sentinel token. The encoder reads the rest; the decoder predicts
the removed spans, each after its sentinel.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.models.t5.modeling_t5 import T5ForConditionalGeneration

from core.data import Prepared, Samples
from core.data.text import PreparedText
from core.evaluation.language import bits_per_byte, perplexity
from core.networks.cross_entropy import cross_entropy
from core.networks.settings import as_configured
from core.networks.t5 import create_t5, t5_config
from core.objectives.base import Batch, Losses, chunks, objective_for
from core.objectives.language import LanguageModel, is_text
from core.objectives.predictions import Answering, Asked, Predictor
from core.objectives.tokenizer_folder import (
    save_denoising_tokenizer,
    sentinel_names,
    tokenizer_with_sentinels,
    with_sentinels,
)
from core.randomness import derive_seed
from core.spec.job import JobSpec
from core.spec.predictions import INFILL
from core.tasks.text_denoising_autoencoder.prediction import infill
from core.tasks.text_denoising_autoencoder.span_corruption import corrupt, noise_mask
from core.tasks.text_denoising_autoencoder.spec import EVALUATION_DENOISING, TextDenoisingAutoencoder

_EVALUATION_KEY = derive_seed(0, "evaluation spans")


@objective_for(TextDenoisingAutoencoder)
class TextDenoiser(LanguageModel):
    """T5's pretraining task."""

    model: T5ForConditionalGeneration

    def __init__(
        self,
        *,
        task: TextDenoisingAutoencoder,
        model: T5ForConditionalGeneration,
        data: PreparedText,
        sequence_length: int,
        sentinels: Sequence[str],
        sentinel_ids: NDArray[np.int64],
    ) -> None:
        super().__init__(model, data, sequence_length)
        self.task = task
        self._sentinels = sentinels
        self._sentinel_ids = sentinel_ids

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        task, length = job.task, job.training.sequence_length
        assert isinstance(task, TextDenoisingAutoencoder)
        assert is_text(data)
        sentinels = sentinel_names(task.sentinels(length))
        tokenizer = tokenizer_with_sentinels(data, sentinels)
        ids = np.array([tokenizer.token_to_id(name) for name in sentinels], dtype=np.int64)
        config = t5_config(
            job.size,
            dropout=job.dropout,
            vocabulary_size=max(data.vocabulary_size, int(ids.max()) + 1),
            padding_id=data.special_ids.pad,
            end_id=data.special_ids.sep,
        )
        return cls(
            task=task,
            model=create_t5(as_configured(job, config), job.training.seed),
            data=data,
            sequence_length=length,
            sentinels=sentinels,
            sentinel_ids=ids,
        )

    def text(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        return _texts(rows)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        return self._collate(rows, samples, key, self.task)

    def forward(self, batch: Batch) -> Losses:
        return Losses(self._loss(batch), {})

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        loss = torch.zeros((), dtype=torch.float64, device=self.model.device)
        count = hidden = 0
        for chunk in chunks(indices, batch_size):
            rows = samples.rows(chunk)
            batch = self._collate(rows, chunk, _EVALUATION_KEY, EVALUATION_DENOISING).to(self.model.device)
            loss += self._loss(batch).double()
            count += batch.count
            hidden += len(rows) * EVALUATION_DENOISING.noise(rows.shape[1] - 1)[0]
        mean = loss.item() / count if count else math.nan
        a_hidden_token = loss.item() / hidden if hidden else math.nan
        held_out = self.data.held_out
        return {
            "eval/loss": mean,
            "eval/perplexity": perplexity(mean),
            "eval/bits_per_byte": bits_per_byte(a_hidden_token, held_out.tokens, held_out.text_bytes),
        }

    def save_tokenizer(self, directory: Path) -> None:
        save_denoising_tokenizer(self.data, directory, self.sequence_length, self._sentinels)

    def compile_networks(self) -> None:
        self.model.encoder.compile()
        self.model.decoder.compile()

    @property
    def predictors(self) -> Mapping[str, Predictor]:
        return {INFILL.kind: self._infill}

    def _infill(self, asked: Asked) -> Answering:
        file = self.data.tokenizer_directory / "tokenizer.json"
        special = self.data.special_ids
        return infill(
            self.model,
            with_sentinels(file, self._sentinels),
            sentinel_ids=self._sentinel_ids.tolist(),
            end_id=special.sep,
            start_id=special.pad,
            length=self.sequence_length,
            asked=asked,
        )

    def _loss(self, batch: Batch) -> Tensor:
        """Cross-entropy summed over the batch's targets, in nats."""
        tensors = batch.tensors
        read = self.model.encoder(input_ids=tensors["inputs"]).last_hidden_state
        written = self.model.decoder(
            input_ids=tensors["decoder_inputs"], encoder_hidden_states=read, use_cache=False
        ).last_hidden_state
        if self.model.config.scale_decoder_outputs:
            written = written * self.model.model_dim**-0.5
        return cross_entropy(
            written.flatten(0, 1), self.model.lm_head.weight, None, tensors["targets"].flatten()
        )

    def _collate(
        self,
        rows: NDArray[np.int64],
        samples: NDArray[np.int64],
        key: int,
        task: TextDenoisingAutoencoder,
    ) -> Batch:
        texts = _texts(rows)
        cut = noise_mask(samples, texts.shape[1], key, task)
        inputs, targets = corrupt(texts, cut, self._sentinel_ids, self.data.special_ids.sep)
        started = np.pad(targets[:, :-1], ((0, 0), (1, 0)), constant_values=self.data.special_ids.pad)
        tensors = {
            "inputs": torch.from_numpy(inputs),
            "decoder_inputs": torch.from_numpy(started),
            "targets": torch.from_numpy(targets),
        }
        return Batch(tensors, count=targets.size, samples=len(rows), tokens=rows.size)


def _texts(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows without their first token, [CLS], which T5 does not use."""
    return rows[:, 1:]
