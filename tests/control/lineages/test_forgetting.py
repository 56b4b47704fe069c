"""What was measured of stages: stored once, and shown as a forgetting matrix."""

import pytest

from control.db import WriteSession
from control.errors import Invalid
from control.jobs import service as jobs
from control.lifecycle.leases import LeaseLost
from control.lifecycle.models import Job
from control.lineages.forgetting import continual_out
from control.lineages.measures import record_measures
from control.lineages.models import StageMeasure
from tests.control.jobs.test_ancestry import Chain


def measure(session: WriteSession, job: Job, of: str, when: str, **values: float | str) -> None:
    named = {f"eval/{name}": value for name, value in values.items()}
    record_measures(session, job.id, job.attempt, of=of, when=when, values=named)


def measured_stage(
    chain: Chain, before: str, loss: dict[str, float], *, start: float, fresh: float
) -> tuple[Job, str]:
    job = chain.submit(before, continual={})
    claim = jobs.claim(chain.session, chain.worker)
    assert claim is not None
    measure(chain.session, job, "self", "fresh", loss=fresh, bits_per_byte=fresh / 2)
    measure(chain.session, job, "self", "start", loss=start, bits_per_byte=start / 2)
    for of, value in loss.items():
        measure(chain.session, job, of, "end", loss=value, bits_per_byte=value / 2)
    return job, chain.finish(claim)


def test_three_stages(session: WriteSession) -> None:
    chain = Chain(session)
    first = chain.submit()
    claim = jobs.claim(session, chain.worker)
    assert claim is not None
    one = jobs.commit_checkpoint(
        session,
        first.id,
        1,
        step=100,
        prefix="p",
        manifest={"format": 1, "step": 100, "files": []},
        manifest_sha256="0",
        metrics={"eval/loss": 2.0, "eval/bits_per_byte": 1.0},
    ).id
    jobs.finish(session, first.id, 1, jobs.Completed())
    second, two = measured_stage(chain, one, {"self": 2.0, first.id: 3.0}, start=4.0, fresh=6.0)
    third, _ = measured_stage(chain, two, {"self": 1.0, first.id: 3.5, second.id: 2.25}, start=5.0, fresh=6.0)
    found = continual_out(session, third, "eval/loss")
    assert [stage.job for stage in found.stages] == [first.id, second.id, third.id]
    shown = found.forgetting
    assert (shown.metric, shown.better) == ("eval/loss", "lower")
    assert shown.matrix == [[2.0, 4.0, None], [3.0, 2.0, 5.0], [3.5, 2.25, 1.0]]
    assert (shown.fresh, shown.start) == ([None, 6.0, 6.0], [None, 4.0, 5.0])
    assert shown.after == third.id
    assert shown.average == pytest.approx((3.5 + 2.25 + 1.0) / 3)
    assert shown.backward_transfer == pytest.approx(-(1.5 + 0.25) / 2)
    assert shown.forward_transfer == pytest.approx((2.0 + 1.0) / 2)
    assert shown.forgetting == pytest.approx((1.5 + 0.25) / 2)
    usual = continual_out(session, third).forgetting
    assert usual.metric == "eval/bits_per_byte"
    assert usual.matrix[0] == [1.0, 2.0, None]
    assert {one.name: one.better for one in usual.measures} == {
        "eval/loss": "lower",
        "eval/bits_per_byte": "lower",
    }
    # The matrix of an earlier stage ends with it, and the first one has only itself.
    assert continual_out(session, second, "eval/loss").forgetting.matrix == [[2.0, 4.0], [3.0, 2.0]]
    alone = continual_out(session, first, "eval/loss").forgetting
    assert alone.matrix == [[None]], "its points were never reported"
    with pytest.raises(Invalid):
        continual_out(session, third, "train/learning_rate")


def test_the_same_event_again_changes_nothing(session: WriteSession) -> None:
    chain = Chain(session)
    first, one = chain.stage()
    job = chain.submit(one, continual={})
    assert jobs.claim(session, chain.worker) is not None
    for _ in range(2):
        measure(session, job, "self", "start", loss=4.0)
        measure(session, job, first.id, "end", loss="nan")
    assert session.query(StageMeasure).filter_by(job_id=job.id).count() == 2
    assert continual_out(session, job, "eval/loss").forgetting.matrix == [[None, 4.0], [None, None]]


def test_a_later_attempt_replaces_what_an_earlier_one_measured(session: WriteSession) -> None:
    chain = Chain(session)
    _, one = chain.stage()
    job = chain.submit(one, continual={})
    assert jobs.claim(session, chain.worker) is not None
    measure(session, job, "self", "start", loss=4.0)
    jobs.finish(session, job.id, 1, jobs.Stopped(75))
    assert jobs.claim(session, chain.worker) is not None
    session.refresh(job)
    measure(session, job, "self", "start", loss=3.0)
    (row,) = session.query(StageMeasure)
    assert (row.value, row.attempt) == (3.0, 2)


def test_a_job_without_stages_shows_its_last_evaluation_once_it_has_succeeded(session: WriteSession) -> None:
    chain = Chain(session)
    job = chain.submit()
    claim = jobs.claim(session, chain.worker)
    assert claim is not None
    job.latest = {"eval/loss": 2.0, "train/loss": 1.0}
    assert continual_out(session, job, "eval/loss").forgetting.matrix == [[None]]
    chain.finish(claim)
    assert continual_out(session, job, "eval/loss").forgetting.matrix == [[2.0]]


def test_an_attempt_that_has_lost_the_job_writes_nothing(session: WriteSession) -> None:
    chain = Chain(session)
    _, one = chain.stage()
    job = chain.submit(one, continual={})
    assert jobs.claim(session, chain.worker) is not None
    with pytest.raises(LeaseLost):
        record_measures(session, job.id, 2, of="self", when="end", values={"eval/loss": 1.0})
    jobs.finish(session, job.id, 1, jobs.Stopped(75))
    with pytest.raises(LeaseLost):
        measure(session, job, "self", "end", loss=1.0)
    assert session.query(StageMeasure).count() == 0
