"""Where a run begins that has no checkpoint of its own yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from core.checkpoints.bundle import STATE, read_state
from core.checkpoints.manifest import Manifest, ManifestError, verify
from core.checkpoints.resume import Origin
from core.errors import EngineError
from core.spec.job import JobSpec
from core.spec.start import Scope, StartSpec
from core.spec.start_rules import misfits


@dataclass(frozen=True, slots=True)
class EncoderStart:
    """A checkpoint of which a fresh run takes a part."""

    path: Path
    manifest: Manifest
    scope: Scope = "encoder"
    """``all``: it begins with all weights that fit, of a network that was made elsewhere: there is no state of an optimiser.
    ``weights``: with all weights of a job of the same task. ``tokenizer``: with no weights."""


def find_start(
    job: JobSpec, directory: Path | None, digests: Mapping[str, str] | None = None
) -> Origin | EncoderStart | None:
    """What a run without a checkpoint of its own begins with: None where its weights are fresh.

    Args:
        directory: the checkpoint that the command line names.
        digests: sha256 by path of its files that were hashed already.

    Raises:
        EngineError: ``start_missing`` where the spec has a start and no checkpoint was named, ``checkpoint_damaged``,
            ``checkpoint_mismatch`` where its encoder does not fit the spec.
    """
    if directory is None:
        if job.start is not None:
            raise EngineError(
                "start_missing",
                f"The spec starts from {job.start.checkpoint or 'a checkpoint'}, and its directory was not named.",
                "Name it with --start, or leave `start` out of the spec.",
                checkpoint=job.start.checkpoint,
            )
        return None
    try:
        manifest = verify(directory, digests)
    except ManifestError as error:
        raise EngineError(
            "checkpoint_damaged",
            f"{error}.",
            "Start from another checkpoint, or leave --start out.",
            error=error,
        ) from None
    scope = (job.start or StartSpec()).scope
    if not (directory / STATE).exists():
        return EncoderStart(directory, manifest, "all" if scope == "weights" else scope)
    state = read_state(directory)
    if scope == "all":
        # Of another job: its epochs and its data may be others, so its number of steps is not taken over.
        decisions = {name: choice for name, choice in state.get("decisions", {}).items() if name != "steps"}
        return Origin(directory, manifest, state["environment"], decisions)
    if scope == "encoder":
        _require_fit(job, state.get("spec"), directory, manifest.step)
    return EncoderStart(directory, manifest, scope)


def _require_fit(job: JobSpec, document: Any, directory: Path, step: int) -> None:
    """
    Raises:
        EngineError: ``checkpoint_mismatch``, naming each field.
    """
    try:
        before = JobSpec.model_validate(document)
    except (
        ValidationError
    ):  # of another version of this schema: the weights themselves are all that can be compared
        return
    found = misfits(job, before, scope="encoder", step=step)
    if found:
        raise EngineError(
            "checkpoint_mismatch",
            f"The encoder in {directory} does not fit this spec: "
            + "; ".join(f"{misfit.param}: {misfit.message}" for misfit in found)
            + ".",
            "Change the fields that are named, or start from another checkpoint.",
            case="encoder",
            directory=directory,
            problems=[
                {
                    "param": misfit.param,
                    "code": misfit.code,
                    "message": misfit.message,
                    "params": misfit.params,
                }
                for misfit in found
            ],
        )
