"""Evaluations: a checkpoint measured on a dataset, maybe beside another one."""

from __future__ import annotations

import builtins
from typing import Any
from urllib.parse import quote

from pydantic import Field

from seedbed.models.base import Page, Resource
from seedbed.short_jobs.base import ShortJob, ShortJobs


class Estimated(Resource):
    """A number and its confidence interval; None where it is not finite, or has no interval."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


class McNemar(Resource):
    """McNemar's exact test of two checkpoints on the same samples."""

    only_first: int
    only_second: int
    p_value: float


class Measure(Estimated):
    """One measure, and the other checkpoint's if two were compared."""

    name: str
    title: str
    unit: str | None = None
    better: str | None = None
    hint: str | None = None
    against: Estimated | None = None
    difference: Estimated | None = None
    """The evaluated checkpoint's value minus the other's; its interval is of the paired bootstrap."""
    mcnemar: McNemar | None = None


class Section(Resource):
    """Measures over the same units of the dataset."""

    name: str
    counted: str
    """How it is counted, for people."""
    unit: str
    units: int
    paired: bool | None = None
    measures: builtins.list[Measure]
    documents: builtins.list[dict[str, Any]] = Field(default_factory=builtins.list)
    """Tables and pictures, each with its ``kind``."""


class Resampling(Resource):
    resamples: int
    level: float
    seed: int


class EvaluationResult(Resource):
    task: str
    against_task: str | None = None
    split: str
    device_name: str
    resampling: Resampling
    sections: builtins.list[Section]

    def measure(self, name: str) -> Measure:
        """The measure of this name, such as ``perplexity``, of the first section that has it.

        Raises:
            KeyError: no section has it.
        """
        for section in self.sections:
            for measure in section.measures:
                if measure.name == name:
                    return measure
        raise KeyError(name)


class Evaluation(ShortJob):
    checkpoint: str
    job: str | None = None
    """None: the checkpoint was uploaded."""
    step: int
    dataset: str
    against: str | None = None
    against_job: str | None = None
    against_step: int | None = None
    split: str
    probes: bool
    result: EvaluationResult | None = None


class Evaluations(ShortJobs[Evaluation]):
    """``client.evaluations``"""

    kind = "evaluation"
    model = Evaluation

    def create(
        self,
        checkpoint: str,
        *,
        dataset: str | None = None,
        against: str | None = None,
        split: str = "held_out",
        probes: bool = True,
        **options: Any,
    ) -> Evaluation:
        """Have a worker measure a checkpoint on a dataset; wait for the result with `wait`.

        One that was done already is not done again.

        Args:
            checkpoint: Its id.
            dataset: Id of a dataset of the same modality. Default: the one that its job learned from.
            against: Id of a checkpoint to compare it with, on the same samples.
            split: ``held_out``, ``train`` or ``all``.
            probes: Linear probe and k-NN, where the dataset has labels.
            options: ``resamples``, ``level``, ``seed`` of the confidence intervals.
        """
        asked = {"checkpoint": checkpoint, "split": split, "probes": probes, **options}
        asked |= {} if dataset is None else {"dataset": dataset}
        asked |= {} if against is None else {"against": against}
        return Evaluation.model_validate(self._transport.create("/v1/evaluations", asked))

    def list(self, job: str) -> builtins.list[Evaluation]:
        """The evaluations of a job's checkpoints, newest first."""
        answer = self._transport.get(f"/v1/jobs/{quote(job, safe='')}/evaluations")
        return Page[Evaluation].model_validate(answer).data
