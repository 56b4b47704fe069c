"""Opens the checkpoint that is evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from core.checkpoints.bundle import STATE, read_state
from core.checkpoints.manifest import Manifest, ManifestError, verify
from core.errors import EngineError
from core.formats import FormatError
from core.formats.published.directory import job_of
from core.objectives.base import Objective
from core.spec.job import JobSpec


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint that is whole, and the spec that it was trained with."""

    path: Path
    manifest: Manifest
    job: JobSpec
    """With every field that was ``auto`` as its run decided it."""
    uploaded: bool = False
    """Whether no job wrote it: it was uploaded, in the layout of `transformers`."""

    def restore(self, objective: Objective, *, partly: bool = False) -> bool:
        """Load its weights; returns whether they are complete, or a head is missing in an uploaded one and stays random.

        Args:
            partly: Whether the objective was created without the job's data (`Objective.open`).

        Raises:
            EngineError: ``checkpoint_mismatch``.
        """
        if self.uploaded:
            return not objective.start_from_published(self.path)
        if partly:
            objective.open(self.path)
        else:
            objective.restore(self.path)
        return True


def open_checkpoint(path: Path, digests: Mapping[str, str]) -> Opened:
    """
    Args:
        digests: sha256 by path of its files that were hashed already.

    Raises:
        EngineError: ``checkpoint_damaged``; ``checkpoint_mismatch`` if it has no spec that this version reads.
    """
    try:
        manifest = verify(path, digests)
        if not (path / STATE).exists():
            return Opened(path, manifest, job_of(path), uploaded=True)
        state = read_state(path)
    except (ManifestError, FormatError, OSError, ValueError) as error:
        raise EngineError(
            "checkpoint_damaged",
            f"{error}.",
            "Evaluate another checkpoint, or download this one again.",
            error=str(error),
        ) from None
    try:
        job = JobSpec.model_validate(state["spec"])
    except (KeyError, ValidationError) as error:
        why = str(error).splitlines()[0]
        raise EngineError(
            "checkpoint_mismatch",
            f"The spec in {path} cannot be read: {why}",
            "Evaluate it with the version of Seedbed that wrote it.",
            case="spec",
            path=str(path),
            error=why,
        ) from None
    decided = {name: value for name, value in state.get("decisions", {}).items() if name == "batch_size"}
    return Opened(
        path, manifest, job.model_copy(update={"training": job.training.model_copy(update=decided)})
    )
