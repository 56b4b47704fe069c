"""The measures of exported networks on the held-out split, computed by ONNX Runtime: what a format that rounds costs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from core.data import Prepared
from core.data.text import PreparedText
from core.export.comparison import Run
from core.objectives.headed_text import HeadedText
from core.objectives.images import ImageObjective
from core.objectives.spectrograms import SpectrogramObjective
from core.objectives.supervised import Supervised
from core.objectives.waves import WaveObjective
from core.spec.job import JobSpec
from core.tasks.objectives import create_objective
from core.training.probing import spread

_MOST_SAMPLES = 1000
_MOST_TOKENS = 32_768
_BATCH = 8
_MASKED_SHARE = 0.15

Scores = Callable[[NDArray[Any]], Tensor]
"""Raw samples → the head's outputs."""


class Quality:
    """A checkpoint's task and the held-out samples of its dataset.

    Args:
        checkpoint: Its directory.
        job: Its spec.
        data: The dataset, prepared for it.

    Raises:
        DataError, EngineError: the data do not fit the checkpoint.
    """

    def __init__(self, checkpoint: Path, job: JobSpec, data: Prepared) -> None:
        objective: Any = create_objective(job, data)
        objective.restore(checkpoint)
        self._objective = objective.eval()
        self._data = data
        self._head = job.task.text_head

    def measure(self, runs: Sequence[Run]) -> dict[str, float]:
        """The task's measures of a network, by their names; none for a task without a head to use, and without samples.

        Args:
            runs: The exported network.
        """
        if len(runs) != 1:
            return {}
        with torch.no_grad():
            if isinstance(self._objective, Supervised):
                return self._supervised(runs[0])
            if self._head is not None:
                return self._language(runs[0])
        return {}

    def _supervised(self, run: Run) -> dict[str, float]:
        objective: Any = self._objective
        scores = _scores(objective, run)
        samples = objective.samples("held_out")
        # The split may be in the order of its classes.
        indices = spread(_MOST_SAMPLES, len(samples))
        if scores is None or not len(indices):
            return {}
        own = objective.scores
        # The task's own evaluation, with the outputs of the exported network in place of those of its own.
        objective.scores = scores
        try:
            values = objective.evaluate(samples, indices, _BATCH)
        finally:
            objective.scores = own
        return {name.removeprefix("eval/"): float(value) for name, value in values.items()}

    def _language(self, run: Run) -> dict[str, float]:
        """Loss of predicting the next token, or of tokens that a mask replaces (always the same), in nats."""
        assert isinstance(self._data, PreparedText)
        tokens = self._data.tokens("held_out")[:_MOST_TOKENS].astype(np.int64)
        length = self._objective.sequence_length
        rows = torch.from_numpy(tokens[: len(tokens) // length * length].reshape(-1, length))
        if not len(rows):
            return {}
        special = self._data.special_ids
        predicted = torch.ones(rows.shape, dtype=torch.bool)
        if self._head == "masked_token":
            chosen = torch.rand(rows.shape, generator=torch.Generator().manual_seed(0)) < _MASKED_SHARE
            predicted = chosen & ~torch.isin(rows, torch.tensor(special.all))
        loss, right, count = 0.0, 0, 0
        for start in range(0, len(rows), _BATCH):
            part, where = rows[start : start + _BATCH], predicted[start : start + _BATCH]
            if self._head == "masked_token":
                inputs, targets = part.masked_fill(where, special.mask), part[where]
                logits = run((inputs, torch.ones_like(part)))[0][where]
            else:
                logits = run((part, torch.ones_like(part)))[0][:, :-1].flatten(0, 1)
                targets = part[:, 1:].flatten()
            loss += functional.cross_entropy(logits, targets, reduction="sum").item()
            right += int((logits.argmax(dim=1) == targets).sum())
            count += len(targets)
        return {"loss": loss / count, "accuracy": right / count} if count else {}


def _scores(objective: Any, run: Run) -> Scores | None:
    """The outputs for raw samples, by the inputs that the network's forward takes; None for a kind that is not known."""

    def of_text(rows: NDArray[Any]) -> Tensor:
        ids, real = objective.trimmed(rows)
        return run((ids, real.long()))[0]

    def of_images(rows: NDArray[Any]) -> Tensor:
        return run((objective.normalised(objective.pixels(rows)),))[0]

    def of_spectrograms(rows: NDArray[Any]) -> Tensor:
        return run((objective.sound(rows)[0],))[0]

    def of_waves(rows: NDArray[Any]) -> Tensor:
        tensors, lengths = objective.clips(rows, np.arange(len(rows)), 0, None)
        waves = objective.standardized(tensors["waves"], tensors["lengths"])
        if objective.model.config.feat_extract_norm == "layer":
            real = torch.arange(waves.shape[1]) < tensors["lengths"][:, None]
            return run((waves, real.long()))[0]
        # Without a mask it reads padding as sound, so that each recording is read by itself.
        ends = np.maximum(lengths, objective.convolutions.field).tolist()
        each = [run((wave[None, :end],))[0][0] for wave, end in zip(waves, ends, strict=True)]
        return nn.utils.rnn.pad_sequence(each, batch_first=True)

    kinds: list[tuple[type, Scores]] = [
        (HeadedText, of_text),
        (ImageObjective, of_images),
        (SpectrogramObjective, of_spectrograms),
        (WaveObjective, of_waves),
    ]
    return next((scores for kind, scores in kinds if isinstance(objective, kind)), None)
