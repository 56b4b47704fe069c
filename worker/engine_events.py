"""Translates an attempt's engine events and uploads into writes of the control plane."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from control.db import WriteSession
from control.jobs.service import Claim, commit_checkpoint, engine_prepared, engine_started, record_event
from control.lifecycle.event_codes import nested
from control.lifecycle.leases import Phase
from control.lineages.measures import record_measures
from control.quotas.errors import QuotaExceeded
from control.removals.service import leave_to_maintenance
from control.samples.service import commit_sample
from control.short_jobs.registry import kinds
from core.parameters import plain
from worker import metrics
from worker.heartbeat import Heartbeat, Progress
from worker.room import NoRoom
from worker.tracking.process import Trouble
from worker.uploads import (
    FilesUploaded,
    Refused,
    SampleDropped,
    SampleUploaded,
    Superseded,
    Uploaded,
    UploadFailed,
)
from worker.write_queue import WriteQueue

log = logging.getLogger(__name__)


class EngineEvents:
    """Handles the engine events and the ends of uploads of one attempt.

    Args:
        no_room: Called with the reason when a checkpoint or a short job's files do not fit into storage.
        give_back: Removes the objects under a prefix from storage after the commit.

    Attributes:
        step: The newest step known.
        last: The engine's last event, if it was one that ends a run.
        uploading: Number of things that the engine has reported and whose upload has not ended yet.
        result: The result of a short job.
    """

    def __init__(
        self,
        claim: Claim,
        write_queue: WriteQueue,
        heartbeat: Heartbeat,
        no_room: Callable[[NoRoom], object] = lambda _: None,
        give_back: Callable[[WriteSession, str], object] = leave_to_maintenance,
    ) -> None:
        self._job_id = claim.job_id
        self._attempt = claim.attempt
        self._kind = kinds().get(claim.purpose)
        self._write_queue = write_queue
        self._heartbeat = heartbeat
        self._no_room = no_room
        self._give_back = give_back
        self._samples_refused = False
        self.step = 0
        self.last: Mapping[str, Any] | None = None
        self.uploading = 0
        self.result: dict[str, Any] | None = None

    def handle(self, event: Mapping[str, Any]) -> None:
        """Handle an event of the engine (``docs/engine-protocol.md``)."""
        match event["event"]:
            case "started":
                self.step = event.get("resumed_from_step", 0)
                info = _facts(event)
                self._write_queue.add(
                    lambda session: engine_started(session, self._job_id, self._attempt, info)
                )
            case "progress":
                total = event["total"]
                phase: Phase = "training" if event["phase"] in {"timing", "evaluating"} else "preparing"
                self._heartbeat.progress(Progress(phase, event["done"] / total if total else None))
            case "prepared":
                facts = _facts(event)
                self._write_queue.add(
                    lambda session: engine_prepared(session, self._job_id, self._attempt, facts)
                )
                self._heartbeat.progress(Progress("training", step=self.step))
            case "metrics":
                self.step = event["step"]
                metrics.step.set(self.step)
                self._write_queue.points(self.step, event["time"], event["values"])
                self._heartbeat.progress(Progress("training", step=self.step))
            case "checkpoint" | "sample":
                self.uploading += 1
            case name if self._kind is not None and name == self._kind.event:
                self._keep_result(event, files=self._kind.files is not None)
            case "stage_measured":
                of, when, values = event["of"], event["when"], event["values"]
                self._write_queue.add(
                    lambda session: record_measures(
                        session, self._job_id, self._attempt, of=of, when=when, values=values
                    )
                )
            case "decision" | "stopped_early" | "warning":
                self._record(event)
            case "finished" | "failed":
                self.last = event
                self._heartbeat.progress(Progress("saving", step=self.step))

    def _record(self, event: Mapping[str, Any]) -> None:
        """Record what people should know of the run."""
        match event["event"]:
            case "decision":
                reason = nested(event["code"], event["reason"], event["params"])
                params = {"name": event["name"], "choice": event["choice"], "reason": reason}
                code = "steps_decided" if event["name"] == "steps" else "decided"
                self._event(code, params, data=_facts(event))
            case "stopped_early":
                self._event("early_stopping", _facts(event), data=_facts(event))
            case _:
                warning = nested(event["code"], event["message"], event.get("params"))
                self._event("engine_warning", {"warning": warning}, data={"code": event["code"]})

    def sink_trouble(self, trouble: Trouble) -> None:
        """Record that a sink gets no more metrics; the run goes on."""
        params = {"sink": trouble.sink, "error": trouble.error}
        self._event(trouble.code, params, data={"code": trouble.code})

    def _keep_result(self, event: Mapping[str, Any], *, files: bool) -> None:
        """Keep the result of a short job; its files, if it makes any, are being uploaded."""
        self.result = {name: value for name, value in _facts(event).items() if name != "path"}
        if files:
            self.uploading += 1
            self._heartbeat.progress(Progress("saving"))

    def damaged(self, step: int, error: str) -> None:
        """Record that the checkpoint of a step is damaged, and that the attempt resumes from an earlier one."""
        self._event("checkpoint_damaged", {"step": step, "error": error}, data={"code": "checkpoint_damaged"})

    def uploaded(self, upload: Uploaded) -> None:
        """Write the row of a checkpoint that is in storage, after every metric point that came before it."""
        self.uploading -= 1
        metrics.checkpoints.labels("yes").inc()

        def commit(session: WriteSession) -> None:
            try:
                commit_checkpoint(
                    session,
                    self._job_id,
                    self._attempt,
                    step=upload.step,
                    prefix=upload.prefix,
                    manifest=upload.manifest,
                    manifest_sha256=upload.manifest_sha256,
                    metrics=upload.metrics,
                )
            except QuotaExceeded as error:
                # Another job used up the quota while the files were being uploaded.
                self._give_back(session, upload.prefix)
                self._no_room(error)

        self._write_queue.add(commit)

    def refused(self, upload: Refused) -> None:
        """Handle a checkpoint, or files of a short job, for which there is no room."""
        self.uploading -= 1
        metrics.checkpoints.labels("no").inc()
        error = upload.error
        self._not_stored(upload.step, "refused", nested(error.code, error.detail, error.params))
        self._no_room(upload.error)

    def upload_failed(self, upload: UploadFailed) -> None:
        """Handle the failed upload of a checkpoint, or of the files of a short job."""
        self.uploading -= 1
        metrics.checkpoints.labels("no").inc()
        self._not_stored(
            upload.step, "not_stored", nested("not_stored", str(upload.error), plain({"error": upload.error}))
        )

    def superseded(self, upload: Superseded) -> None:
        """Log that a checkpoint is not stored, because the engine pruned it for newer ones."""
        self.uploading -= 1
        log.warning("the checkpoint of step %d was pruned for newer ones before it was stored", upload.step)

    def shown(self, sample: SampleUploaded) -> None:
        """Write the row of a sample that is in storage, after every metric point that came before it."""
        self.uploading -= 1

        def commit(session: WriteSession) -> None:
            try:
                commit_sample(
                    session,
                    self._job_id,
                    self._attempt,
                    step=sample.step,
                    name=sample.name,
                    media_type=sample.media_type,
                    size=sample.bytes,
                    sha256=sample.sha256,
                    object_key=sample.key,
                )
            except QuotaExceeded as error:
                # Other jobs used up the quota meanwhile. No row names its file, so maintenance removes it.
                self._warn_of_samples(sample.step, error)

        self._write_queue.add(commit)

    def not_shown(self, sample: SampleDropped) -> None:
        """Log that a sample is not stored; the run goes on."""
        self.uploading -= 1
        log.warning("the sample %s of step %d is left out: %s", sample.name, sample.step, sample.reason)
        if sample.error is not None:
            self._warn_of_samples(sample.step, sample.error)

    def _warn_of_samples(self, step: int, error: NoRoom) -> None:
        if not self._samples_refused:
            self._samples_refused = True
            params = {"step": step, "error": nested(error.code, error.detail, error.params)}
            self._event("samples_left_out", params, data={"code": error.code})

    def made(self, upload: FilesUploaded) -> None:
        """Add the files that a short job made, now in storage, to its result."""
        self.uploading -= 1
        assert self.result is not None
        self.result |= {"prefix": upload.prefix, "files": upload.files}

    def _not_stored(self, step: int | None, how: str, error: Mapping[str, Any]) -> None:
        """
        Args:
            step: The checkpoint's step; None for the files of a short job.
        """
        params: dict[str, Any] = {"error": error}
        if step is not None:
            params["step"] = step
        thing = "result" if step is None else "checkpoint"
        self._event(f"{thing}_{how}", params, data={"code": error["code"]})

    def _event(self, code: str, params: Mapping[str, Any], *, data: Mapping[str, Any]) -> None:
        self._write_queue.add(
            lambda session: record_event(session, self._job_id, self._attempt, code, params, data=data)
        )


def _facts(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in {"event", "time"}}
