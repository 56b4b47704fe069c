"""Masked language modelling: predict hidden tokens from both sides.

Devlin et al. 2018, arXiv 1810.04805. Of the tokens chosen for prediction, most become the mask
token, some a random token, the rest stay. The vocabulary head runs on the predicted positions
alone: at 15 % of the positions that is most of the head's work saved, to the same loss.
"""

import math
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertForMaskedLM

from core.data import Prepared, Samples
from core.data.text import PreparedText
from core.evaluation.language import entropy, perplexity
from core.models.bert import bert_config, create_bert
from core.objectives.base import Batch, Losses, chunks, objective_for
from core.objectives.language import LanguageModel, is_text
from core.spec import JobSpec, MaskedLanguageModeling
from core.training.randomness import derive_seed, uniforms

EVALUATION = MaskedLanguageModeling(mask_probability=0.15, mask_token_share=0.8, random_token_share=0.1)
"""How the held-out part is always masked, so that runs with different rates compare."""

_EVALUATION_KEY = derive_seed(0, "evaluation masks")

_POSITIONS_MULTIPLE = 64
"""Predicted positions are filled up to a multiple of this: the count varies by chance from step to step, and
oneDNN builds and keeps a kernel for every shape it meets (bert-mini grew by 15 MB a step without)."""

_IGNORED = -100
"""The target that ``cross_entropy`` leaves out of the sum and of the gradient."""


class Masker:
    """Chooses the tokens to predict and hides them.

    Args:
        special_ids: tokens that are never chosen and never put in another's place.
        mask_id: the mask token.
        vocabulary_size: V.
    """

    def __init__(self, special_ids: NDArray[np.int64], mask_id: int, vocabulary_size: int) -> None:
        self._mask_id = mask_id
        self._is_special = np.zeros(vocabulary_size, dtype=bool)
        self._is_special[special_ids] = True
        self._ordinary = np.flatnonzero(~self._is_special)

    def __call__(
        self, rows: NDArray[np.int64], samples: NDArray[np.int64], key: int, task: MaskedLanguageModeling
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Hide tokens of ``rows`` (B, L), each sample by its own randomness out of ``key``.

        A sample that no token was chosen from by chance has its likeliest one chosen, so that no
        batch is without a prediction.

        Returns:
            The input ids (B, L), the flat positions to predict (N,) in order, and their tokens (N,).
        """
        chance, action, replacement = uniforms(key, samples, rows.shape[1], streams=3)
        chance[self._is_special[rows]] = 2.0
        least = chance.min(axis=1, keepdims=True)
        positions = np.flatnonzero((chance < task.mask_probability) | ((chance == least) & (least < 2.0)))
        inputs = rows.copy()
        flat = inputs.reshape(-1)
        targets = flat[positions]
        action, replacement = action.reshape(-1)[positions], replacement.reshape(-1)[positions]
        masked = action < task.mask_token_share
        randomised = ~masked & (action < task.mask_token_share + task.random_token_share)
        flat[positions[masked]] = self._mask_id
        drawn = (replacement[randomised] * len(self._ordinary)).astype(np.int64)
        flat[positions[randomised]] = self._ordinary[drawn]
        return inputs, positions, targets


@objective_for(MaskedLanguageModeling)
class MaskedLM(LanguageModel):
    """BERT's first pretraining task."""

    model: BertForMaskedLM

    def __init__(
        self, task: MaskedLanguageModeling, config: BertConfig, seed: int, masker: Masker, data: PreparedText
    ) -> None:
        super().__init__(create_bert(config, seed), data, config.max_position_embeddings)
        self.task = task
        self._masker = masker

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(job.task, MaskedLanguageModeling)
        assert is_text(data)
        special = data.special_ids
        config = bert_config(
            job.size,
            dropout=job.dropout,
            vocabulary_size=data.vocabulary_size,
            sequence_length=job.training.sequence_length,
            padding_id=special.pad,
        )
        masker = Masker(np.array(special.all), special.mask, data.vocabulary_size)
        return cls(job.task, config, job.training.seed, masker, data)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        return self._collate(rows, samples, key, self.task)

    def forward(self, batch: Batch) -> Losses:
        total = functional.cross_entropy(
            self.logits(batch).float(), batch.tensors["targets"], reduction="sum"
        )
        return Losses(total, {})

    def logits(self, batch: Batch) -> Tensor:
        """Scores of the vocabulary at the predicted positions, shape (N, V), N filled up."""
        hidden = self.model.bert(input_ids=batch.tensors["inputs"]).last_hidden_state
        chosen = hidden.flatten(0, 1).index_select(0, batch.tensors["positions"])
        scores: Tensor = self.model.cls(chosen)
        return scores

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        device = self.model.device
        loss = torch.zeros((), dtype=torch.float64, device=device)
        correct = torch.zeros((), dtype=torch.int64, device=device)
        seen = np.zeros(self.model.config.vocab_size, dtype=np.int64)
        for chunk in chunks(indices, batch_size):
            on_cpu = self._collate(samples.rows(chunk), chunk, _EVALUATION_KEY, EVALUATION)
            seen += np.bincount(on_cpu.tensors["targets"].numpy()[: on_cpu.count], minlength=len(seen))
            batch = on_cpu.to(device)
            scores, targets = self.logits(batch).float(), batch.tensors["targets"]
            loss += functional.cross_entropy(scores, targets, reduction="sum").double()
            correct += (scores.argmax(dim=1) == targets).sum()
        count = int(seen.sum())
        mean = loss.item() / count if count else math.nan
        return {
            "eval/loss": mean,
            "eval/perplexity": perplexity(mean),
            "eval/masked_accuracy": correct.item() / count if count else math.nan,
            "eval/unigram_entropy": entropy(seen),
        }

    def compile_networks(self) -> None:
        self.model.bert.compile()

    def _collate(
        self, rows: NDArray[np.int64], samples: NDArray[np.int64], key: int, task: MaskedLanguageModeling
    ) -> Batch:
        inputs, positions, targets = self._masker(rows, samples, key, task)
        count = len(positions)
        filling = -count % _POSITIONS_MULTIPLE
        tensors = {
            "inputs": torch.from_numpy(inputs),
            "positions": torch.from_numpy(np.pad(positions, (0, filling))),
            "targets": torch.from_numpy(np.pad(targets, (0, filling), constant_values=_IGNORED)),
        }
        return Batch(tensors, count=count, samples=len(rows), tokens=rows.size)
