"""Causal language modelling: predict each token from those before it.

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners". Rows are blocks of the token stream:
documents concatenated with a separator between them; each row's last token is only a target.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.data import Prepared, Samples, SplitName
from core.data.text import PreparedText
from core.data.text.blocks import TokenBlocks
from core.evaluation.language import bits_per_byte, perplexity
from core.networks.causal_language import CausalNetwork, body, create_causal_network, encode
from core.networks.cross_entropy import cross_entropy, token_cross_entropy
from core.networks.documents import attention_mask, document_numbers, restarted_positions
from core.networks.settings import as_configured
from core.objectives.base import Batch, Losses, Shown, chunks, objective_for
from core.objectives.language import LanguageModel, is_text, text_of
from core.objectives.predictions import Predictor, rows_without_token
from core.objectives.tokenizer_folder import save_causal_tokenizer
from core.randomness import derive_seed
from core.spec.job import JobSpec
from core.spec.predictions import CONTINUE
from core.tasks.causal_lm.prediction import continue_text
from core.tasks.causal_lm.sampling import continuations
from core.tasks.causal_lm.spec import CausalLanguageModeling

_CONTINUATION_KEY = derive_seed(0, "continuations")
_CONTINUED = 3
_PROMPT_TOKENS = 32
_NEW_TOKENS = 64
_TEMPERATURE = 0.8
_TOP_K = 50


@objective_for(CausalLanguageModeling)
class CausalLM(LanguageModel):
    """GPT's pretraining task."""

    model: CausalNetwork

    def __init__(
        self, task: CausalLanguageModeling, model: CausalNetwork, data: PreparedText, sequence_length: int
    ) -> None:
        super().__init__(model, data, sequence_length)
        self.task = task

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(job.task, CausalLanguageModeling)
        assert is_text(data)
        length = job.training.sequence_length
        model = create_causal_network(
            job.architecture,
            job.size,
            dropout=job.dropout,
            vocabulary_size=data.vocabulary_size,
            sequence_length=length,
            end_id=data.special_ids.sep,
            seed=job.training.seed,
            configured=partial(as_configured, job),
        )
        return cls(job.task, model, data, length)

    def samples(self, split: SplitName) -> Samples:
        return TokenBlocks(self.data, split, self.sequence_length)

    def text(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        # The last token is only a target.
        return rows[:, :-1]

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        ids = torch.from_numpy(rows)
        tensors = {"inputs": ids[:, :-1].contiguous(), "targets": ids[:, 1:].contiguous()}
        if self.task.separate_documents:
            # The separator belongs to the document after it, whose first token is predicted from the separator alone.
            documents = document_numbers(rows[:, :-1], self.data.special_ids.sep, separator_begins=True)
            tensors["documents"] = torch.from_numpy(documents)
            tensors["positions"] = torch.from_numpy(restarted_positions(documents))
        count = tensors["targets"].numel()
        return Batch(tensors, count=count, samples=len(rows), tokens=count)

    def forward(self, batch: Batch) -> Losses:
        return Losses(self._loss(batch), {})

    def logits(self, batch: Batch) -> Tensor:
        return functional.linear(self._hidden(batch), self.model.lm_head.weight)

    def losses_of(self, logits: Tensor, batch: Batch) -> Losses:
        targets = batch.tensors["targets"].flatten()
        return Losses(functional.cross_entropy(logits.float(), targets, reduction="sum"), {})

    def _loss(self, batch: Batch) -> Tensor:
        """Cross-entropy summed over the batch's tokens, in nats."""
        return cross_entropy(
            self._hidden(batch), self.model.lm_head.weight, None, batch.tensors["targets"].flatten()
        )

    def _hidden(self, batch: Batch) -> Tensor:
        """The last hidden states of the batch's tokens, shape (B * L, hidden)."""
        tensors = batch.tensors
        mask = attention_mask(tensors["documents"], causal=True) if "documents" in tensors else None
        return encode(self.model, tensors["inputs"], tensors.get("positions"), mask).flatten(0, 1)

    def token_losses(self, rows: NDArray[np.int64]) -> Tensor:
        batch = self.collate(rows, np.arange(len(rows)), 0).to(self.model.device)
        targets = batch.tensors["targets"]
        losses = token_cross_entropy(self._hidden(batch), self.model.lm_head.weight, targets.flatten())
        return losses.reshape(targets.shape)

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        loss = torch.zeros((), dtype=torch.float64, device=self.model.device)
        count = 0
        for chunk in chunks(indices, batch_size):
            batch = self.collate(samples.rows(chunk), chunk, 0).to(self.model.device)
            loss += self._loss(batch).double()
            count += batch.count
        mean = loss.item() / count if count else math.nan
        return {
            "eval/loss": mean,
            "eval/perplexity": perplexity(mean),
            "eval/bits_per_byte": bits_per_byte(
                mean, self.data.held_out.tokens, self.data.held_out.text_bytes
            ),
        }

    def show(self, samples: Samples, indices: NDArray[np.int64]) -> Sequence[Shown]:
        """The beginnings of a few rows, and the network's continuations."""
        chosen = indices[:_CONTINUED]
        rows = samples.rows(chosen)
        length = min(_PROMPT_TOKENS, self.sequence_length // 2, rows.shape[1] - 1)
        drawn = continuations(
            self.model,
            torch.from_numpy(rows[:, :length]).to(self.model.device),
            chosen,
            _CONTINUATION_KEY,
            tokens=min(_NEW_TOKENS, self.sequence_length - length),
            temperature=_TEMPERATURE,
            top_k=_TOP_K,
            unknown=rows_without_token(self.tokenizer, self.model.config.vocab_size),
        )
        texts = [
            f"--- from the held-out text\n{text_of(self.data, prompt)}\n--- continued\n{text_of(self.data, ids)}\n"
            for prompt, ids in zip(rows[:, :length], drawn, strict=True)
        ]
        return [Shown("continuations", "text/plain", "\n".join(texts).encode())]

    def save_tokenizer(self, directory: Path) -> None:
        save_causal_tokenizer(self.data, directory, self.sequence_length)

    def compile_networks(self) -> None:
        body(self.model).compile()

    @property
    def predictors(self) -> Mapping[str, Predictor]:
        end = self.data.special_ids.sep
        return {
            CONTINUE.kind: partial(continue_text, self.model, self.tokenizer, end, self.sequence_length),
        }
