"""The lifecycle of jobs as a state machine that Hypothesis drives against real PostgreSQL, beside a simple model.

Workers claim, report, finish, crash and continue with a lost lease; people submit, cancel, pause, resume and retry; leases
expire, wake-ups arrive twice, urgent jobs preempt others. After each step: at most one attempt of a job holds it; an ended
job stays ended unless it is retried; nothing that a stale attempt wrote is stored; every accepted job is ended, paused,
queued or leased, and equals the model.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import SearchStrategy
from sqlalchemy import Engine, select, text

from control.broker import Broker
from control.checkpoints.models import Checkpoint
from control.db import WriteSession, read, write
from control.errors import Conflict
from control.jobs import service as jobs
from control.jobs.service import Completed, Failed, LeaseLost, Point, Result, Stopped
from control.lifecycle.intents import Verb
from control.lifecycle.models import Attempt, Event, Job
from control.lifecycle.states import TERMINAL, allowed
from control.maintenance.service import Maintenance
from control.metrics.models import MetricPoint
from control.models import Base
from control.settings import Settings
from control.storage import open_storage
from tests.factories import make_checkpoint, make_dataset, make_project, make_spec, make_worker

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RESULTS: dict[str, Result] = {
    "completed": Completed(),
    "stopped": Stopped(75),
    "crashed": Failed("engine_died", "Killed.", retryable=True, exit_code=-9),
    "failed": Failed("non_finite_loss", "NaN.", exit_code=66),
}
NEED_A_CLAIM = {"heartbeat", "report_points", "commit_checkpoint", "finish"}
HAPPENINGS = [
    name
    for name, weight in {
        "wakeup_arrives": 5,
        "finish": 4,
        "ask": 3,
        "resume": 2,
        "report_points": 2,
        "commit_checkpoint": 2,
        "a_lease_expires": 2,
        "urgent_jobs_preempt": 2,
        "submit": 1,
        "retry": 1,
        "heartbeat": 1,
    }.items()
    for _ in range(weight)
]
Draw = Callable[[SearchStrategy[Any]], Any]


@dataclass
class Model:
    """The expected state of a job."""

    project: str
    priority: int
    preemptible: bool
    max_retries: int
    line: int
    """Place in the queue: rises with each entry."""
    state: str = "queued"
    intent: str | None = None
    attempt: int = 0
    retries: int = 0
    points: dict[int, int] = field(default_factory=dict)
    """Step → the attempt that wrote it last."""
    checkpoints: set[tuple[int, int]] = field(default_factory=set)


class Lifecycle(RuleBasedStateMachine):
    """The possible operations, and a model of their expected results."""

    engine: Engine
    upkeep: Maintenance
    reset: Callable[[], None]

    def __init__(self) -> None:
        super().__init__()
        self.reset()
        self.jobs: dict[str, Model] = {}
        self.claims: list[jobs.Claim] = []
        """Every claim that a supervisor ever got: it may act on it at any later time."""
        self.entries = 0
        with write(self.engine) as session:
            self.datasets = {
                project: make_dataset(session, project)
                for project in (make_project(session), make_project(session))
            }
            self.workers = [make_worker(session) for _ in range(3)]

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One rule with weights: given many rules, Hypothesis leaves half of them out of each run, and the interesting
        sequences need all of them."""
        possible = [name for name in HAPPENINGS if self.claims or name not in NEED_A_CLAIM]
        getattr(self, data.draw(st.sampled_from(possible)))(data.draw)

    # Operations of users.

    @initialize()
    def first(self) -> None:
        """A project with many jobs before one with few: the next job is not the first submitted one."""
        for project in (0, 0, 0, 1):
            self._submit(project, {"preemptible": True, "max_retries": 1}, 0)

    def submit(self, draw: Draw) -> None:
        resources = {"preemptible": draw(st.booleans()), "max_retries": draw(st.integers(0, 2))}
        self._submit(draw(st.integers(0, 1)), resources, draw(st.integers(0, 1)))

    def ask(self, draw: Draw) -> None:
        job_id, model = self._any_job(draw)
        verb: Verb = draw(st.sampled_from(["cancel", "pause"]))
        aim = {"cancel": "cancelled", "pause": "paused"}[verb]
        possible = model.state == aim or (
            model.state in {"queued", "running", "paused"}
            and not (verb == "pause" and model.intent == "cancel")
        )
        self._try(possible, lambda s: jobs.request(s, model.project, job_id, verb))
        if possible and model.state == "running":
            model.intent = verb
        elif possible:
            model.state = aim

    def resume(self, draw: Draw) -> None:
        job_id, model = self._any_job(draw)
        withdraws = model.state == "running" and model.intent == "pause"
        self._try(withdraws or model.state == "paused", lambda s: jobs.resume(s, model.project, job_id))
        if withdraws:
            model.intent = None
        elif model.state == "paused":
            self._requeue(model)

    def retry(self, draw: Draw) -> None:
        job_id, model = self._any_job(draw)
        possible = model.state in {"failed", "cancelled"}
        self._try(possible, lambda s: jobs.retry(s, model.project, job_id))
        if possible:
            model.retries = 0
            self._requeue(model)

    # Operations of workers.

    def wakeup_arrives(self, draw: Draw) -> None:
        """Also a duplicate, or for a job that has ended: the best queued job is claimed, or none."""
        with write(self.engine) as session:
            claim = jobs.claim(session, draw(st.sampled_from(self.workers)))
        queued = {job_id: model for job_id, model in self.jobs.items() if model.state == "queued"}
        if claim is None:
            assert not queued
            return
        running = [model.project for model in self.jobs.values() if model.state == "running"]
        best = min(
            queued, key=lambda i: (-queued[i].priority, running.count(queued[i].project), queued[i].line)
        )
        model = self.jobs[best]
        assert claim.job_id == best
        model.state = "running"
        model.attempt += 1
        assert claim.attempt == model.attempt
        assert {(c.attempt, c.step) for c in claim.checkpoints} == model.checkpoints
        self.claims.append(claim)

    def heartbeat(self, draw: Draw) -> None:
        claim = self._any_claim(draw)
        answer, model = self._fenced(claim, lambda s: jobs.heartbeat(s, claim.job_id, claim.attempt, step=1))
        assert model is None or answer == model.intent

    def report_points(self, draw: Draw) -> None:
        claim, step = self._any_claim(draw), draw(st.integers(1, 3))
        points = [Point("train/loss", step, float(claim.attempt), NOW)]
        _, model = self._fenced(claim, lambda s: jobs.record_points(s, claim.job_id, claim.attempt, points))
        if model is not None:
            model.points[step] = claim.attempt

    def commit_checkpoint(self, draw: Draw) -> None:
        claim, step = self._any_claim(draw), draw(st.integers(1, 2))
        _, model = self._fenced(claim, lambda s: make_checkpoint(s, claim, step))
        if model is not None:
            superseded = {(attempt, at) for attempt, at in model.checkpoints if at == step}
            model.checkpoints = (model.checkpoints - superseded) | {(claim.attempt, step)}

    def finish(self, draw: Draw) -> None:
        claim, name = self._any_claim(draw), draw(st.sampled_from([*RESULTS, "stopped", "crashed"]))
        _, model = self._fenced(claim, lambda s: jobs.finish(s, claim.job_id, claim.attempt, RESULTS[name]))
        if model is None:
            return
        if name == "completed":
            self._leave(model, "succeeded")
        elif name == "stopped":
            self._leave(model, {"cancel": "cancelled", "pause": "paused"}.get(model.intent or "", "queued"))
        elif name == "crashed":
            self._crash(model)
        else:
            self._leave(model, "cancelled" if model.intent == "cancel" else "failed")

    # Events that affect workers.

    def a_lease_expires(self, draw: Draw) -> None:
        running = [job_id for job_id, model in self.jobs.items() if model.state == "running"]
        if not running:
            return
        job_id = draw(st.sampled_from(running))
        with write(self.engine) as session:
            session.execute(
                text("UPDATE jobs SET lease_until = now() - interval '1 s' WHERE id = :id"), {"id": job_id}
            )
        assert self.upkeep.expire_leases() == [job_id]
        self._crash(self.jobs[job_id])

    def urgent_jobs_preempt(self, _draw: Draw) -> None:
        found = self.upkeep.dispatch()
        for victim, urgent in found.preempt.items():
            assert self.jobs[victim].preemptible
            assert (self.jobs[victim].state, self.jobs[victim].intent) == ("running", None)
            assert self.jobs[urgent].state == "queued"
            assert self.jobs[victim].priority < self.jobs[urgent].priority
            self.jobs[victim].intent = "preempt"

    # Invariants.

    @invariant()
    def every_accepted_job_is_as_the_model_says(self) -> None:
        with read(self.engine) as session:
            rows = {job.id: job for job in session.scalars(select(Job))}
            assert rows.keys() == self.jobs.keys()
            for job_id, model in self.jobs.items():
                row = rows[job_id]
                seen = (row.state, row.intent, row.attempt, row.retries_used)
                assert seen == (model.state, model.intent, model.attempt, model.retries)
                assert row.state in TERMINAL | {"paused", "queued"} or row.lease_until is not None

    @invariant()
    def at_most_one_attempt_lives(self) -> None:
        with read(self.engine) as session:
            living = {(a.job_id, a.number) for a in session.scalars(select(Attempt)) if a.ended_at is None}
        assert living == {(i, m.attempt) for i, m in self.jobs.items() if m.state == "running"}

    @invariant()
    def nothing_of_a_stale_attempt_was_written(self) -> None:
        with read(self.engine) as session:
            points = session.execute(
                select(MetricPoint.job_id, MetricPoint.step, MetricPoint.attempt, MetricPoint.value)
            )
            written: dict[str, dict[int, int]] = {}
            for job_id, step, attempt, value in points:
                assert value == attempt
                written.setdefault(job_id, {})[step] = attempt
            kept = session.execute(
                select(Checkpoint.job_id, Checkpoint.attempt, Checkpoint.step).where(
                    Checkpoint.deleted_at.is_(None)
                )
            ).all()
        assert written == {i: m.points for i, m in self.jobs.items() if m.points}
        assert {tuple(row) for row in kept} == {(i, *c) for i, m in self.jobs.items() for c in m.checkpoints}

    @invariant()
    def events_record_each_allowed_transition_once(self) -> None:
        with read(self.engine) as session:
            changes = [e for e in session.scalars(select(Event).order_by(Event.id)) if "to" in e.data]
        state = dict.fromkeys(self.jobs, "queued")
        for event in changes:
            before, after = event.data["from"], event.data["to"]
            assert state[event.job_id] == before
            assert allowed(before, after)
            assert before not in TERMINAL or event.type == "retry_requested"
            state[event.job_id] = after
        assert state == {job_id: model.state for job_id, model in self.jobs.items()}

    # Helpers.

    def _submit(self, project: int, resources: dict[str, Any], priority: int) -> None:
        project_id, dataset = list(self.datasets.items())[project]
        with write(self.engine) as session:
            spec = make_spec(dataset, priority=priority, resources=resources)
            job = jobs.submit(session, project_id, spec)
        self.jobs[job.id] = Model(
            project_id, priority, resources["preemptible"], resources["max_retries"], self._enter()
        )

    def _any_job(self, draw: Draw) -> tuple[str, Model]:
        """Mostly one that has not ended."""
        lively = [job_id for job_id, model in self.jobs.items() if model.state not in TERMINAL]
        job_id = draw(st.sampled_from(lively if lively and draw(st.integers(0, 3)) else list(self.jobs)))
        return job_id, self.jobs[job_id]

    def _any_claim(self, draw: Draw) -> jobs.Claim:
        """Mostly one that holds its job; else a stale one, if possible of a job that runs elsewhere."""
        live = [claim for claim in self.claims if self._holds(claim)]
        if live and draw(st.integers(0, 3)):
            return draw(st.sampled_from(live))
        stale = [claim for claim in self.claims if not self._holds(claim)] or self.claims
        elsewhere = [claim for claim in stale if self.jobs[claim.job_id].state == "running"]
        return draw(st.sampled_from(elsewhere or stale))

    def _try(self, possible: bool, action: Callable[[WriteSession], object]) -> None:  # noqa: FBT001 - what is expected
        if possible:
            with write(self.engine) as session:
                action(session)
            return
        with pytest.raises(Conflict), write(self.engine) as session:
            action(session)

    def _holds(self, claim: jobs.Claim) -> bool:
        model = self.jobs[claim.job_id]
        return model.state == "running" and model.attempt == claim.attempt

    def _fenced(
        self, claim: jobs.Claim, action: Callable[[WriteSession], object]
    ) -> tuple[object, Model | None]:
        """Run the operation; returns its result and the model if the attempt holds the job, None if it must be refused."""
        model = self.jobs[claim.job_id]
        if self._holds(claim):
            with write(self.engine) as session:
                return action(session), model
        with pytest.raises(LeaseLost) as caught, write(self.engine) as session:
            action(session)
        assert caught.value.reason == ("running_elsewhere" if model.state == "running" else "not_running")
        return None, None

    def _enter(self) -> int:
        self.entries += 1
        return self.entries

    def _requeue(self, model: Model) -> None:
        model.state = "queued"
        model.line = self._enter()

    def _leave(self, model: Model, state: str) -> None:
        model.intent = None
        model.state = state
        if state == "queued":
            self._requeue(model)

    def _crash(self, model: Model) -> None:
        if model.intent in {"cancel", "pause"}:
            self._leave(model, "cancelled" if model.intent == "cancel" else "paused")
        elif model.retries < model.max_retries:
            model.retries += 1
            self._leave(model, "queued")
        else:
            self._leave(model, "failed")


def test_random_sequences_of_operations_keep_the_invariants(
    engine: Engine, environment: Settings, test_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Leases expire and workers go offline only when the state machine does it.
    monkeypatch.setattr(
        "control.lifecycle.leases.settings", lambda: environment.model_copy(update={"lease_seconds": 1e6})
    )
    monkeypatch.setattr(
        "control.workers.repository.settings",
        lambda: environment.model_copy(update={"worker_online_seconds": 1e6}),
    )

    def reset() -> None:
        with engine.begin() as connection:
            tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
            connection.execute(text(f"TRUNCATE {tables}"))
        test_broker.live.flushall()

    Lifecycle.engine = engine
    Lifecycle.upkeep = Maintenance(engine, test_broker, open_storage(environment.storage_url), environment)
    Lifecycle.reset = staticmethod(reset)  # type: ignore[method-assign, assignment]
    run_state_machine_as_test(
        Lifecycle,
        settings=settings(
            max_examples=15,
            stateful_step_count=40,
            deadline=None,
            # An example takes about a second of the database: shrinking would take many minutes, and the steps as they were
            # found, with the model's state, are enough.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
