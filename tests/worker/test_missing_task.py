"""A worker whose machine lacks the package of a job's task."""

from sqlalchemy import text

from control.db import write
from tests.worker.test_supervisor import Place, job_of, place  # noqa: F401 - a fixture


def test_the_job_fails_with_the_name_of_the_missing_package(place: Place) -> None:  # noqa: F811 - the fixture
    job_id = place.bench.submit()
    with write(place.bench.database) as session:
        session.execute(text("""UPDATE jobs SET spec = jsonb_set(spec, '{task}', '{"kind": "toy"}')"""))
    place.run()
    job = job_of(place, job_id)
    assert job.state == "failed"
    assert job.failure is not None
    assert job.failure["code"] == "task_unavailable"
    assert "No installed package brings the task 'toy'" in job.failure["message"]
    machine = place.resources.machine.name.partition(":")[0]
    assert f"on the machine of {machine}" in job.failure["hint"]
    assert job.retries_used == 0, "it would fail here again"


def test_the_worker_continues_with_other_jobs(place: Place) -> None:  # noqa: F811 - the fixture
    place.bench.submit()
    with write(place.bench.database) as session:
        session.execute(text("""UPDATE jobs SET spec = jsonb_set(spec, '{task}', '{"kind": "toy"}')"""))
    other = place.bench.submit()
    place.run()
    place.run()
    assert job_of(place, other).state == "succeeded"
