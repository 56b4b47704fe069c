"""Jobs: validate, submit, watch, pause, resume, cancel, retry and fork them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from seedbed import specs
from seedbed.errors import SeedbedError
from seedbed.models import (
    Continual,
    End,
    Estimate,
    Event,
    Job,
    JobPreview,
    JobSummary,
    Lineage,
    Log,
    Metrics,
    Sample,
    Validation,
)
from seedbed.paging import PAGE_SIZE, Listing
from seedbed.transport import Params, Transport
from seedbed.watch import Update, Watch

Scope = Literal["all", "weights", "encoder", "tokenizer"]
"""How much of a checkpoint a job starts with."""


class Jobs:
    """``client.jobs``"""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def validate(
        self,
        spec: specs.Spec,
        *,
        dataset: str | None = None,
        start: str | None = None,
        scope: Scope | None = None,
    ) -> Validation:
        """Validate a spec by the service, without submitting it.

        Args:
            spec: A mapping, or the path of a YAML or JSON file.
            dataset: Taken in place of the spec's own.
            start: Id of the checkpoint to start from, in place of the spec's ``start.checkpoint``.
            scope: How much of it, in place of the spec's ``start.scope``: ``all`` to go on with its task, or its
                ``encoder`` alone, for this or another task of the same network, or of a job on text its ``tokenizer`` alone.

        Raises:
            InvalidFile: the file cannot be read or is no YAML.
        """
        body = specs.read(spec, dataset, start, scope)
        return Validation.model_validate(self._transport.post("/v1/jobs/validate", body, repeatable=True))

    def estimate(
        self, spec: specs.Spec, *, dataset: str | None = None, largest_batch: bool = False
    ) -> Estimate:
        """Have a worker run a few real steps of a job; get the estimate of the whole job with `Estimates.wait`.

        Args:
            spec: A mapping, or the path of a YAML or JSON file.
            dataset: Taken in place of the spec's own.
            largest_batch: Also measure the largest micro-batch that fits on the device.

        Raises:
            Invalid: the spec is wrong; `errors` says where.
            Conflict: no worker is online that could run it.
        """
        params: Params = {"largest_batch": largest_batch or None}
        body = specs.read(spec, dataset)
        return Estimate.model_validate(self._transport.create("/v1/jobs/estimate", body, params))

    def preview(
        self, spec: specs.Spec, *, dataset: str | None = None, samples: int = 8, step: int = 1
    ) -> JobPreview:
        """Have a worker show the inputs that a job's networks would get; get them with `Previews.wait`.

        Args:
            spec: A mapping, or the path of a YAML or JSON file.
            dataset: Taken in place of the spec's own.
            samples: Number of samples, 1 to 16: the first of the step's batch.
            step: The step whose crops, masks and rotations are shown, from 1 on.

        Raises:
            Invalid: the spec is wrong; `errors` says where.
            Conflict: no worker is online that could run it.
        """
        body = specs.read(spec, dataset)
        params: Params = {"samples": samples, "step": step}
        return JobPreview.model_validate(self._transport.create("/v1/jobs/preview", body, params))

    def submit(
        self,
        spec: specs.Spec,
        *,
        dataset: str | None = None,
        start: str | None = None,
        scope: Scope | None = None,
    ) -> Job:
        """Submit a job. Once this returns, the service has stored it durably.

        Args:
            spec: A mapping, or the path of a YAML or JSON file.
            dataset: Taken in place of the spec's own.
            start: Id of the checkpoint to start from, in place of the spec's ``start.checkpoint``.
            scope: How much of it, in place of the spec's ``start.scope``: ``all`` to go on with its task, or its
                ``encoder`` alone, for this or another task of the same network, or of a job on text its ``tokenizer`` alone.

        Raises:
            Invalid: the spec is wrong; `errors` says where.
            InvalidFile: the file cannot be read or is no YAML.
        """
        return Job.model_validate(self._transport.create("/v1/jobs", specs.read(spec, dataset, start, scope)))

    def get(self, job: str) -> Job:
        return Job.model_validate(self._transport.get(_path(job)))

    def list(
        self,
        *,
        state: str | Sequence[str] | None = None,
        dataset: str | None = None,
        name: str | None = None,
        page_size: int | None = None,
    ) -> Listing[JobSummary]:
        """All jobs that match the filters, newest first, without their specs."""
        states = [state] if isinstance(state, str) else list(state or []) or None
        params: Params = {"limit": page_size or PAGE_SIZE, "state": states, "dataset": dataset, "name": name}
        return Listing(self._transport, "/v1/jobs", JobSummary, params)

    def cancel(self, job: str) -> Job:
        """Cancel the job; one that runs writes a checkpoint first."""
        return self._act(job, "cancel")

    def pause(self, job: str) -> Job:
        """Pause the job; one that runs writes a checkpoint first."""
        return self._act(job, "pause")

    def resume(self, job: str) -> Job:
        """Resume a paused job from its newest checkpoint."""
        return self._act(job, "resume")

    def retry(self, job: str, **changes: float | None) -> Job:
        """Queue a failed or cancelled job again; it resumes from its newest checkpoint.

        Args:
            job: Its id.
            changes: ``max_seconds`` in place of the spec's ``resources.max_seconds``; None for no limit.

        Raises:
            Conflict: it has used up its time, and the limit is not larger.
        """
        return Job.model_validate(self._transport.post(f"{_path(job)}/retry", changes or None))

    def delete(self, job: str) -> None:
        """Delete a job that is over, with everything that it made; its forks stay.

        Raises:
            Conflict: it is not over, or a fork or an export needs one of its checkpoints.
        """
        self._transport.delete(_path(job))

    def fork(
        self, job: str, *, checkpoint: str | None = None, changes: Mapping[str, Any] | None = None
    ) -> Job:
        """A new job that starts from a checkpoint of this one.

        Args:
            job: The parent.
            checkpoint: Default: the newest.
            changes: Merged over the parent's spec (RFC 7396), as ``{"training": {"steps": 2000}}``.
        """
        body: dict[str, Any] = {"changes": dict(changes or {})}
        if checkpoint is not None:
            body["checkpoint"] = checkpoint
        return Job.model_validate(self._transport.create(f"{_path(job)}/fork", body))

    def lineage(self, job: str) -> Lineage:
        """The jobs that this one was forked from, and those that were forked from it."""
        return Lineage.model_validate(self._transport.get(f"{_path(job)}/lineage"))

    def continual(self, job: str, *, metric: str | None = None) -> Continual:
        """The stages that a job goes back to, and what each stage's weights know of each stage's held-out part.

        Args:
            job: Its id.
            metric: A measure that shows which model is better, as ``eval/loss``. Default: the usual one of the task.
        """
        return Continual.model_validate(self._transport.get(f"{_path(job)}/continual", {"metric": metric}))

    def metrics(
        self,
        job: str,
        names: Sequence[str] | None = None,
        *,
        max_points: int | None = None,
        from_step: int | None = None,
        to_step: int | None = None,
    ) -> Metrics:
        """Measured series in order of step; longer than ``max_points``, each is bucketed to min, max and last."""
        params = {
            "name": list(names) if names else None,
            "max_points": max_points,
            "from_step": from_step,
            "to_step": to_step,
        }
        return Metrics.model_validate(self._transport.get(f"{_path(job)}/metrics", params))

    def metrics_since(self, job: str, cursor: int = 0, names: Sequence[str] | None = None) -> Metrics:
        """Points written since the cursor (``next`` of an earlier response), in order of writing."""
        params = {"name": list(names) if names else None, "after": cursor}
        return Metrics.model_validate(self._transport.get(f"{_path(job)}/metrics", params))

    def tensorboard(self, job: str, directory: str | Path = ".") -> Path:
        """Download all points of all metrics as an event file of TensorBoard; an earlier download of the job is replaced.

        Args:
            job: Its id.
            directory: The file is written into its subdirectory that is named after the job, so that TensorBoard shows each
                job below it as a run of its own.

        Returns:
            The file.

        Raises:
            Unreachable: the connection failed; an earlier file stays as it was.
            OSError: the file cannot be written.
        """
        with self._transport.stream(f"{_path(job)}/tensorboard") as response:
            target = Path(directory, job, f"events.out.tfevents.{job}")
            target.parent.mkdir(parents=True, exist_ok=True)
            # TensorBoard reads every file that has `tfevents` in its name.
            partial = target.with_name(".download.partial")
            try:
                with partial.open("wb") as file:
                    for chunk in response.iter_bytes():
                        file.write(chunk)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)
        return target

    def events(self, job: str, *, after: int = 0) -> Listing[Event]:
        """The job's events, oldest first; only those after the event with that id."""
        return Listing(self._transport, f"{_path(job)}/events", Event, {"after": after}, cursor="after")

    def samples(self, job: str, *, name: str | None = None) -> Listing[Sample]:
        """The job's samples, in the order of writing; only those with the name, if one is given."""
        return Listing(self._transport, f"{_path(job)}/samples", Sample, {"name": name}, cursor="after")

    def sample_content(self, sample: str) -> bytes:
        """The text (UTF-8) or the picture (PNG) of a sample."""
        return self._transport.request("GET", f"/v1/samples/{quote(sample, safe='')}/content").content

    def logs(self, job: str, *, attempt: int | None = None) -> Log:
        """The last lines that an attempt (default: the newest) printed."""
        return Log.model_validate(self._transport.get(f"{_path(job)}/logs", {"attempt": attempt}))

    def full_log(self, job: str, *, attempt: int | None = None) -> Iterator[str]:
        """The whole output of an attempt, in chunks."""
        params = {"attempt": attempt, "full": True}
        with self._transport.stream(f"{_path(job)}/logs", params=params) as response:
            yield from response.iter_text()

    def watch(
        self,
        job: str,
        *,
        replay: bool = True,
        patience: float = 600.0,
        on_interruption: Callable[[SeedbedError], None] | None = None,
    ) -> Iterator[Update]:
        """Everything that happens to the job, until its end.

        Yields `Job`, `MetricPoint`, `Event`, `Checkpoint`, `Progress` and last `End`. After a broken connection it
        reconnects and continues, with nothing lost and nothing twice; if a proxy buffers streams, it polls instead.

        Args:
            job: Its id.
            replay: Begin with what was measured and what happened before.
            patience: Seconds without any contact after which it gives up.
            on_interruption: Called with the reason each time the connection is lost.

        Raises:
            Unreachable: no contact for longer than ``patience``.
        """
        return iter(
            Watch(
                self._transport,
                job,
                replay=replay,
                patience=patience,
                on_interruption=on_interruption,
            )
        )

    def wait(self, job: str) -> Job:
        """The job once it is over, however it ended."""
        for update in self.watch(job, replay=False):
            if isinstance(update, End):
                break
        return self.get(job)

    def _act(self, job: str, verb: str) -> Job:
        return Job.model_validate(self._transport.post(f"{_path(job)}/{verb}"))


def _path(job: str) -> str:
    return f"/v1/jobs/{quote(job, safe='')}"
