"""Lineages: sequences of stages that the service submits one after another."""

import time
from collections.abc import Sequence
from urllib.parse import quote

from seedbed import specs
from seedbed.models import PlannedLineage, PlannedLineageSummary
from seedbed.paging import PAGE_SIZE, Listing
from seedbed.transport import Transport


class Lineages:
    """``client.lineages``"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def submit(self, spec: specs.Spec, datasets: Sequence[str], *, name: str | None = None) -> PlannedLineage:
        """Submit a sequence of stages: the first as a job at once, each further one when the stage before has succeeded.

        Args:
            spec: Of every stage: a mapping, or the path of a YAML or JSON file. Its block ``continual`` is that of the further stages.
            datasets: Ids, in order; two at least.
            name: Default: the spec's.

        Raises:
            Invalid: the spec is wrong for one of the stages; `errors` says where.
            InvalidFile: the file cannot be read or is no YAML.
        """
        body = {"spec": specs.read(spec), "datasets": list(datasets)}
        if name is not None:
            body["name"] = name
        return PlannedLineage.model_validate(self._transport.create("/v1/lineages", body))

    def get(self, lineage: str, *, metric: str | None = None) -> PlannedLineage:
        """One lineage with its stages and the forgetting matrix of its newest stage.

        Args:
            lineage: Its id.
            metric: A measure that shows which model is better, as ``eval/loss``. Default: the usual one of the task.
        """
        return PlannedLineage.model_validate(self._transport.get(_path(lineage), {"metric": metric}))

    def list(self, *, page_size: int | None = None) -> Listing[PlannedLineageSummary]:
        """All lineages, newest first, without their matrices."""
        return Listing(
            self._transport, "/v1/lineages", PlannedLineageSummary, {"limit": page_size or PAGE_SIZE}
        )

    def cancel(self, lineage: str) -> PlannedLineage:
        """Submit no further stage, and cancel the job of the newest one."""
        return PlannedLineage.model_validate(self._transport.post(f"{_path(lineage)}/cancel"))

    def resume(self, lineage: str) -> PlannedLineage:
        """Let a stopped or cancelled lineage go on: its newest stage's job is retried or resumed.

        Raises:
            Conflict: it is running or has succeeded, or its newest stage's job cannot be retried.
        """
        return PlannedLineage.model_validate(self._transport.post(f"{_path(lineage)}/resume"))

    def delete(self, lineage: str) -> None:
        """Delete a lineage that does not run; the jobs of its stages stay.

        Raises:
            Conflict: it is running.
        """
        self._transport.delete(_path(lineage))

    def wait(self, lineage: str, *, poll_seconds: float = 2.0) -> PlannedLineage:
        """The lineage once it does not run any more: it has succeeded, was cancelled, or has stopped and waits for a person."""
        while (found := self.get(lineage)).state == "running":
            time.sleep(poll_seconds)
        return found


def _path(lineage: str) -> str:
    return f"/v1/lineages/{quote(lineage, safe='')}"
