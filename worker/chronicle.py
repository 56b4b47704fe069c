"""What the engine tells, put into the control plane's words."""

import json
from collections.abc import Mapping
from typing import Any

from control.db import WriteSession
from control.jobs.service import Claim, commit_checkpoint, engine_started, record_event
from worker import metrics
from worker.heartbeat import Heartbeat, Progress
from worker.reporting import Reporter
from worker.uploads import Uploaded, UploadFailed


class Chronicle:
    """One attempt's story, as the engine's events and the uploads tell it.

    Attributes:
        step: The newest step known.
        last: The engine's last event, if it was one that ends a run.
        uploading: Checkpoints that the engine has told of and that are not in storage yet.
    """

    def __init__(self, claim: Claim, reporter: Reporter, heartbeat: Heartbeat) -> None:
        self._job_id = claim.job_id
        self._attempt = claim.attempt
        self._reporter = reporter
        self._heartbeat = heartbeat
        self.step = 0
        self.last: Mapping[str, Any] | None = None
        self.uploading = 0

    def told(self, event: Mapping[str, Any]) -> None:
        """Take an event of the engine (``docs/engine-protocol.md``)."""
        match event["event"]:
            case "started":
                self.step = event["resumed_from_step"]
                info = _facts(event)
                self._reporter.add(lambda session: engine_started(session, self._job_id, self._attempt, info))
            case "progress":
                total = event["total"]
                self._heartbeat.progress(Progress("preparing", event["done"] / total if total else None))
            case "prepared":
                self._event("prepared", _prepared(event), _facts(event))
                self._heartbeat.progress(Progress("training", step=self.step))
            case "metrics":
                self.step = event["step"]
                metrics.step.set(self.step)
                self._reporter.points(self.step, event["time"], event["values"])
                self._heartbeat.progress(Progress("training", step=self.step))
            case "checkpoint":
                self.uploading += 1
            case "decision":
                message = f"{event['name']}: auto is {json.dumps(event['choice'])}. {event['reason']}"
                self._event("decision", message, _facts(event))
            case "warning":
                self.warn(event["code"], event["message"])
            case "finished" | "failed":
                self.last = event
                self._heartbeat.progress(Progress("saving", step=self.step))

    def warn(self, code: str, message: str) -> None:
        """Something that a person should know and the run survives."""
        self._event("warning", message, {"code": code})

    def uploaded(self, upload: Uploaded) -> None:
        """A checkpoint is in storage: make it exist, after every point that came before it."""
        self.uploading -= 1
        metrics.checkpoints.labels("yes").inc()

        def commit(session: WriteSession) -> None:
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

        self._reporter.add(commit)

    def upload_failed(self, upload: UploadFailed) -> None:
        """A checkpoint will not reach storage."""
        self.uploading -= 1
        metrics.checkpoints.labels("no").inc()
        self.warn(
            "checkpoint_not_stored",
            f"The checkpoint of step {upload.step} did not reach storage: {upload.error}",
        )

    def _event(self, kind: str, message: str, data: Mapping[str, Any]) -> None:
        self._reporter.add(
            lambda session: record_event(session, self._job_id, self._attempt, kind, message, data)
        )


def _facts(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in {"event", "time"}}


def _prepared(event: Mapping[str, Any]) -> str:
    source = "Found prepared" if event["cached"] else "Prepared"
    return (
        f"{source}: {event['tokens']:,} tokens of {event['documents']:,} documents to learn from, "
        f"{event['tokens_held_out']:,} held out; {event['parameters']:,} parameters."
    )
