"""Masked language modelling: predict hidden tokens from both sides.

Devlin et al. 2018, arXiv 1810.04805. Of the tokens chosen for prediction, most become the mask
token, some a random token, the rest stay. The vocabulary head is computed at the predicted positions only: with 15 %
of the positions this saves most of the head's computation, with the same loss.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.data import Prepared, Samples
from core.data.text import PreparedText
from core.data.text.special import NO_TOKEN
from core.errors import EngineError
from core.evaluation.language import bits_per_byte, entropy, perplexity
from core.networks.cross_entropy import IGNORED, cross_entropy
from core.networks.documents import attention_mask, document_numbers, restarted_positions
from core.networks.masked_language import (
    MaskedNetwork,
    body,
    create_masked_network,
    encode,
    transform,
    vocabulary,
)
from core.networks.settings import as_configured
from core.objectives.base import Batch, Losses, chunks, objective_for
from core.objectives.language import LanguageModel, is_text
from core.objectives.predictions import Predictor
from core.randomness import derive_seed
from core.spec.job import JobSpec
from core.spec.predictions import FILL_MASK
from core.tasks.masked_lm.feature_reconstruction import FeaturePredictor, clean_features, feature_loss
from core.tasks.masked_lm.masking import Masker
from core.tasks.masked_lm.prediction import fill_mask
from core.tasks.masked_lm.spec import MaskedLanguageModeling
from core.tasks.masked_lm.word_starts import word_starts

EVALUATION = MaskedLanguageModeling(mask_probability=0.15, mask_token_share=0.8, random_token_share=0.1)
"""The masking of the held-out split, the same for all jobs, so that runs with different rates are comparable."""

_EVALUATION_KEY = derive_seed(0, "evaluation masks")

_POSITIONS_MULTIPLE = 64
"""The number of predicted positions is padded to a multiple of this: the count varies by chance from step to step, and
oneDNN builds and keeps a kernel for every shape it meets (bert-mini grew by 15 MB a step without)."""


@objective_for(MaskedLanguageModeling)
class MaskedLM(LanguageModel):
    """BERT's first pretraining task."""

    model: MaskedNetwork

    def __init__(
        self,
        *,
        task: MaskedLanguageModeling,
        model: MaskedNetwork,
        masker: Masker,
        predictor: FeaturePredictor | None,
        data: PreparedText,
        sequence_length: int,
    ) -> None:
        super().__init__(model, data, sequence_length)
        self.task = task
        self._masker = masker
        self.predictor = predictor

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        task = job.task
        assert isinstance(task, MaskedLanguageModeling)
        assert is_text(data)
        special, seed, length = data.special_ids, job.training.seed, job.training.sequence_length
        if special.mask == NO_TOKEN:
            raise EngineError(
                "checkpoint_mismatch",
                "The checkpoint's tokenizer has no token for masks, which masked_lm needs.",
                "Set mask_token in its tokenizer_config.json and upload the checkpoint again, or train causal_lm.",
                case="no_mask_token",
            )
        model = create_masked_network(
            job.architecture,
            job.size,
            dropout=job.dropout,
            vocabulary_size=data.vocabulary_size,
            sequence_length=length,
            special=special,
            seed=seed,
            configured=partial(as_configured, job),
        )
        starts = None
        if task.masking != "token":
            starts = word_starts(data.tokenizer_directory / "tokenizer.json", data.vocabulary_size)
        masker = Masker(np.array(special.all), special.mask, data.vocabulary_size, starts)
        predictor = FeaturePredictor(job.size.hidden_size, seed) if task.feature_reconstruction else None
        return cls(
            task=task, model=model, masker=masker, predictor=predictor, data=data, sequence_length=length
        )

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        return self._collate(rows, samples, key, self.task)

    def forward(self, batch: Batch) -> Losses:
        hidden = self._hidden(batch)
        matrix, bias = vocabulary(self.model)
        task = cross_entropy(transform(self.model, hidden), matrix, bias, batch.tensors["targets"])
        if self.predictor is None or self.task.feature_reconstruction is None:
            return Losses(task, {})
        alpha = self.task.feature_reconstruction.alpha
        feature = self._feature_loss(batch, hidden)
        parts = {"task_loss": task.detach(), "feature_loss": feature.detach()}
        return Losses(alpha * task + (1 - alpha) * feature, parts)

    def logits(self, batch: Batch) -> Tensor:
        """Scores of the vocabulary at the predicted positions, shape (N, V), N padded."""
        return self._scores(self._hidden(batch))

    def losses_of(self, logits: Tensor, batch: Batch) -> Losses:
        targets = batch.tensors["targets"]
        total = functional.cross_entropy(logits.float(), targets, reduction="sum", ignore_index=IGNORED)
        return Losses(total, {})

    def weighed(self, batch: Batch) -> Tensor:
        return batch.tensors["targets"] != IGNORED

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        device = self.model.device
        loss, feature = (torch.zeros((), dtype=torch.float64, device=device) for _ in range(2))
        correct = torch.zeros((), dtype=torch.int64, device=device)
        seen = np.zeros(self.model.config.vocab_size, dtype=np.int64)
        for chunk in chunks(indices, batch_size):
            on_cpu = self._collate(samples.rows(chunk), chunk, _EVALUATION_KEY, EVALUATION)
            seen += np.bincount(on_cpu.tensors["targets"].numpy()[: on_cpu.count], minlength=len(seen))
            batch = on_cpu.to(device)
            hidden = self._hidden(batch)
            scores, targets = self._scores(hidden).float(), batch.tensors["targets"]
            loss += functional.cross_entropy(scores, targets, reduction="sum").double()
            correct += (scores.argmax(dim=1) == targets).sum()
            if self.predictor is not None:
                feature += self._feature_loss(batch, hidden).double()
        count = int(seen.sum())
        mean = loss.item() / count if count else math.nan
        values = {
            "eval/loss": mean,
            "eval/perplexity": perplexity(mean),
            "eval/bits_per_byte": bits_per_byte(
                mean, self.data.held_out.tokens, self.data.held_out.text_bytes
            ),
            "eval/masked_accuracy": correct.item() / count if count else math.nan,
            "eval/unigram_entropy": entropy(seen),
        }
        if self.predictor is not None:
            values["eval/feature_loss"] = feature.item() / count if count else math.nan
        return values

    def compile_networks(self) -> None:
        body(self.model).compile()

    @property
    def predictors(self) -> Mapping[str, Predictor]:
        mask = self.data.special_ids.mask
        return {
            FILL_MASK.kind: partial(fill_mask, self.model, self.tokenizer, mask, self.sequence_length),
        }

    def _hidden(self, batch: Batch) -> Tensor:
        """Hidden states at the predicted positions, shape (N, H)."""
        return _at_positions(batch, encode(self.model, batch.tensors["inputs"], *_separation(batch)))

    def _scores(self, hidden: Tensor) -> Tensor:
        matrix, bias = vocabulary(self.model)
        return functional.linear(transform(self.model, hidden), matrix, bias)

    def _feature_loss(self, batch: Batch, hidden: Tensor) -> Tensor:
        """The feature loss, summed over the predicted positions."""
        assert self.predictor is not None
        assert self.task.feature_reconstruction is not None
        clean = clean_features(
            self.model, batch.tensors["clean"], *_separation(batch), self.task.feature_reconstruction.target
        )
        counts = batch.tensors["targets"] != IGNORED
        return feature_loss(self.predictor(hidden), _at_positions(batch, clean), counts)

    def _collate(
        self, rows: NDArray[np.int64], samples: NDArray[np.int64], key: int, task: MaskedLanguageModeling
    ) -> Batch:
        inputs, positions, targets = self._masker(rows, samples, key, task)
        count = len(positions)
        filling = -count % _POSITIONS_MULTIPLE
        tensors = {
            "inputs": torch.from_numpy(inputs),
            "positions": torch.from_numpy(np.pad(positions, (0, filling))),
            "targets": torch.from_numpy(np.pad(targets, (0, filling), constant_values=IGNORED)),
        }
        if self.predictor is not None:
            tensors["clean"] = torch.from_numpy(rows)
        if self.task.separate_documents:
            documents = document_numbers(rows, self.data.special_ids.sep, separator_begins=False)
            tensors["documents"] = torch.from_numpy(documents)
            tensors["position_ids"] = torch.from_numpy(restarted_positions(documents))
        return Batch(tensors, count=count, samples=len(rows), tokens=rows.size)


def _at_positions(batch: Batch, hidden: Tensor) -> Tensor:
    """The rows of (B, L, H) at the predicted positions, shape (N, H)."""
    return hidden.flatten(0, 1).index_select(0, batch.tensors["positions"])


def _separation(batch: Batch) -> tuple[Tensor | None, Tensor | None]:
    """Positions and attention mask that restrict attention to one document, if the task does so."""
    if "documents" not in batch.tensors:
        return None, None
    return batch.tensors["position_ids"], attention_mask(batch.tensors["documents"], causal=False)
