"""Opens a checkpoint for predictions: the objective of its task with its weights, and what it can be asked for."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import nn

from core.checkpoints.bundle import STATE, read_state
from core.errors import EngineError
from core.formats import FormatError
from core.formats.published.directory import job_of
from core.objectives.base import Objective
from core.prediction.dataless import described_data
from core.spec.epochs import with_steps
from core.spec.job import JobSpec
from core.spec.predictions import Prediction
from core.tasks.objectives import create_objective

_OF_FEATURES = frozenset({"embed", "neighbours"})


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint with its weights in memory."""

    directory: Path
    job: JobSpec
    objective: Objective
    missing: Sequence[str] = ()
    """Weights of its task's network that an uploaded checkpoint does not have, such as those of a head."""

    @property
    def bytes(self) -> int:
        """Bytes of all its tensors."""
        return tensor_bytes(self.objective)

    def prediction(self, kind: str) -> Prediction:
        """
        Raises:
            EngineError: ``prediction_unsupported``.
        """
        for prediction in type(self.job.task).all_predictions():
            if prediction.kind == kind:
                self._require_head(kind)
                return prediction
        raise EngineError(
            "prediction_unsupported",
            f"The task {self.job.task.kind} has no prediction {kind!r}.",
            task=self.job.task.kind,
            kind=kind,
        )

    def _require_head(self, kind: str) -> None:
        """Features need no head; everything else would be computed with a new, random one."""
        if self.missing and kind not in _OF_FEATURES:
            raise EngineError(
                "prediction_unsupported",
                f"The uploaded checkpoint lacks weights that the prediction {kind!r} needs, such as {self.missing[0]}. Ask it "
                "for features (embed), or fine-tune it.",
                case="weights_missing",
                kind=kind,
                first=self.missing[0],
            )


def open_checkpoint(directory: Path, described: Path) -> Opened:
    """The checkpoint in a directory, on the CPU; one of a job, or one that was uploaded.

    Args:
        described: An empty directory for the files of `described_data`; it is needed as long as the checkpoint is.

    Raises:
        EngineError: ``checkpoint_mismatch``, ``checkpoint_damaged``, ``task_unavailable``.
        DataError: ``tokenizer_invalid``, ``too_few_classes``: an uploaded checkpoint's tokenizer or classes cannot be used.
    """
    if not (directory / STATE).exists():
        job = _published(directory)
        objective = create_objective(job, described_data(job, directory, described))
        missing = objective.start_from_published(directory)
        objective.requires_grad_(requires_grad=False).eval()
        return Opened(directory, job, objective, missing)
    try:
        state = read_state(directory)
        job = JobSpec.model_validate(state["spec"])
        if job.training.epochs is not None:
            job = with_steps(job, state["decisions"]["steps"])
    except (OSError, ValueError, KeyError, ValidationError) as error:
        raise EngineError(
            "checkpoint_damaged",
            f"The checkpoint's spec cannot be read: {type(error).__name__}.",
            "Use another checkpoint of the job.",
            case="spec",
            error=type(error).__name__,
        ) from error
    objective = create_objective(job, described_data(job, directory, described))
    objective.open(directory)
    objective.requires_grad_(requires_grad=False).eval()
    return Opened(directory, job, objective)


def _published(directory: Path) -> JobSpec:
    try:
        return job_of(directory)
    except (FormatError, OSError) as error:
        raise EngineError(
            "checkpoint_damaged",
            f"The uploaded checkpoint cannot be read: {error}.",
            "Upload it again.",
            case="upload",
            error=str(error),
        ) from None


def tensor_bytes(module: nn.Module) -> int:
    """Bytes of the parameters and buffers of a module."""
    tensors: Mapping[int, Any] = {
        tensor.data_ptr(): tensor for tensor in itertools.chain(module.parameters(), module.buffers())
    }
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
