"""Causal language modelling: predict each token from those before it.

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners". Rows are blocks of the token
stream, documents one behind the other with a separator between; each row's last token is only a target.
"""

import math
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import GPT2Config
from transformers.models.gpt2.modeling_gpt2 import GPT2LMHeadModel

from core.data import Prepared, Samples, SplitName
from core.data.text import PreparedText
from core.data.text.blocks import TokenBlocks
from core.evaluation.language import perplexity
from core.models.gpt2 import create_gpt2, gpt2_config
from core.objectives.base import Batch, Losses, chunks, objective_for
from core.objectives.language import LanguageModel, is_text
from core.spec import CausalLanguageModeling, JobSpec


@objective_for(CausalLanguageModeling)
class CausalLM(LanguageModel):
    """GPT's pretraining task."""

    model: GPT2LMHeadModel

    def __init__(self, config: GPT2Config, seed: int, data: PreparedText) -> None:
        super().__init__(create_gpt2(config, seed), data, config.n_positions)

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert is_text(data)
        config = gpt2_config(
            job.size,
            dropout=job.dropout,
            vocabulary_size=data.vocabulary_size,
            sequence_length=job.training.sequence_length,
            end_id=data.special_ids.sep,
        )
        return cls(config, job.training.seed, data)

    def samples(self, split: SplitName) -> Samples:
        return TokenBlocks(self.data, split, self.sequence_length)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        ids = torch.from_numpy(rows)
        tensors = {"inputs": ids[:, :-1].contiguous(), "targets": ids[:, 1:].contiguous()}
        count = tensors["targets"].numel()
        return Batch(tensors, count=count, samples=len(rows), tokens=count)

    def forward(self, batch: Batch) -> Losses:
        return Losses(self._loss(batch), {})

    def _loss(self, batch: Batch) -> Tensor:
        """Summed over the batch's tokens, nats."""
        scores = self.model(input_ids=batch.tensors["inputs"], use_cache=False).logits
        return functional.cross_entropy(
            scores.flatten(0, 1).float(), batch.tensors["targets"].flatten(), reduction="sum"
        )

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        loss = torch.zeros((), dtype=torch.float64, device=self.model.device)
        count = 0
        for chunk in chunks(indices, batch_size):
            batch = self.collate(samples.rows(chunk), chunk, 0).to(self.model.device)
            loss += self._loss(batch).double()
            count += batch.count
        mean = loss.item() / count if count else math.nan
        return {"eval/loss": mean, "eval/perplexity": perplexity(mean)}

    def compile_networks(self) -> None:
        self.model.transformer.compile()
