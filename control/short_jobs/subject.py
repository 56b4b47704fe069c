"""The checkpoints and the dataset that a short job works on: looked up, held until the commit, and compared."""

from dataclasses import dataclass
from typing import Any

from control.checkpoints import service as checkpoints
from control.checkpoints.models import Checkpoint
from control.checkpoints.uploads import is_uploaded
from control.db import WriteSession
from control.jobs.admission import find_dataset
from control.jobs.submission import refuse
from control.lifecycle import repository as lifecycle
from control.schemas import ProblemDetail
from control.short_jobs.kind import OnDataset
from core.spec.job import JobSpec
from core.spec.stored import is_known


@dataclass(frozen=True)
class Subject:
    """What a short job of `control.short_jobs.kind.FromCheckpointAndData` works on."""

    checkpoint: Checkpoint
    spec: JobSpec
    """Of the checkpoint's job, with the dataset that was asked for."""
    dataset_id: str
    against: Checkpoint | None
    against_spec: JobSpec | None

    @property
    def specs(self) -> list[JobSpec]:
        """Of one checkpoint or of both."""
        return [self.spec] if self.against_spec is None else [self.spec, self.against_spec]

    @property
    def facts(self) -> dict[str, Any]:
        """What the answer says of them, besides their ids."""
        against = self.against
        return {
            "dataset": self.dataset_id,
            "step": self.checkpoint.step,
            "against_job": None if against is None or is_uploaded(against) else against.job_id,
            "against_step": None if against is None else against.step,
        }


def subject(session: WriteSession, project_id: str, asked: OnDataset) -> Subject:
    """The rows of the checkpoints' jobs and of the dataset are locked: retention and deletions wait for the commit.

    Raises:
        NotFound: ``checkpoint_not_found``.
        SeedbedError: whatever else speaks against it, as `control.jobs.submission.refuse` raises it.
    """
    # In the order of their ids, so that two requests about the same two jobs do not wait for each other.
    names = [("checkpoint", asked.checkpoint), *([("against", asked.against)] if asked.against else [])]
    owners = {
        checkpoints.get(session, project_id, checkpoint, param=name).job_id for name, checkpoint in names
    }
    parents = {job_id: lifecycle.lock_by_id(session, job_id) for job_id in sorted(owners)}
    found, specs = [], []
    for name, checkpoint_id in names:
        checkpoint = checkpoints.get(session, project_id, checkpoint_id, param=name)
        parent = parents[checkpoint.job_id]
        assert parent is not None  # its checkpoints go with it
        _require_task(name, parent.spec)
        found.append(checkpoint)
        specs.append(JobSpec.model_validate(parent.spec))
    learned_from = parents[found[0].job_id]
    assert learned_from is not None
    spec = _on(specs[0], learned_from.dataset_id, asked.dataset)
    dataset, problem = find_dataset(session, project_id, spec)
    refuse([] if problem is None else [problem])
    assert dataset is not None  # else it was refused
    if len(found) > 1:
        _require_comparable(found, specs)
    return Subject(
        checkpoint=found[0],
        spec=spec,
        dataset_id=dataset.id,
        against=found[1] if len(found) > 1 else None,
        against_spec=specs[1] if len(specs) > 1 else None,
    )


def _on(spec: JobSpec, learned_from: str | None, asked: str | None) -> JobSpec:
    """The spec on the dataset that was asked for: its own dataset as it was trained on, of another one all files."""
    if asked is None or asked == learned_from:
        return spec.model_copy(update={"dataset": learned_from})
    data = spec.data.model_copy(update={"files": "all"})
    return spec.model_copy(update={"dataset": asked, "data": data})


def _require_task(name: str, spec: dict[str, Any]) -> None:
    if not is_known(spec):
        kind = spec["task"]["kind"]
        message = f"the checkpoint is of the task {kind}, which is not installed here; choose another one"
        refuse(
            [
                ProblemDetail(
                    param=name,
                    code="fixed_by_checkpoint",
                    message=message,
                    params={"case": "task_unavailable", "task": kind},
                )
            ]
        )


def _require_comparable(found: list[Checkpoint], specs: list[JobSpec]) -> None:
    own, other = (spec.task.modality for spec in specs)
    if own != other:
        first, second = found[0].id, found[1].id
        refuse(
            [
                ProblemDetail(
                    param="against",
                    code="modality_mismatch",
                    message=f"{first} learned from {own} and {second} from {other}; compare with one that learned from {own}",
                    params={
                        "case": "against",
                        "checkpoint": first,
                        "modality": own,
                        "against": second,
                        "against_modality": other,
                    },
                )
            ]
        )
    if found[0].id == found[1].id:
        message = "a checkpoint is not compared with itself; name another one"
        refuse(
            [
                ProblemDetail(
                    param="against",
                    code="same_checkpoint",
                    message=message,
                    params={"checkpoint": found[0].id},
                )
            ]
        )
