"""A project's use of storage and its quotas, by the SDK and by the command line."""

import pytest
import seedbed
import typer
from seedbed.cli.usage import parse

from control.jobs import service as jobs
from tests.client.conftest import SPEC, Trainer
from tests.client.test_cli import Command, environ, run  # noqa: F401 - fixtures


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ("1000", 1000),
        ("20GB", 20 * 10**9),
        ("1.5k", 1500),
        ("512 MiB", 2**29),
        ("2ti", 2**41),
        ("0", 0),
        ("None", None),
    ],
)
def test_sizes_are_read(said: str, size: int | None) -> None:
    assert parse(said, "logs") == size


@pytest.mark.parametrize("said", ["", "many", "-1", "1 PB", "1i", "1e3", "\u0664"])
def test_an_invalid_size_is_refused(said: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no size"):
        parse(said, "logs")


def test_usage_and_quotas(client: seedbed.Client, run: Command, dataset: str) -> None:  # noqa: F811 - the fixture
    found = client.usage()
    assert found.datasets.count == 1
    assert found.datasets.bytes > 0
    assert found.disk is not None
    assert client.set_quotas(datasets=found.datasets.bytes).datasets.limit_bytes == found.datasets.bytes
    extra = client.datasets.create("more")
    with pytest.raises(seedbed.TooLarge, match="datasets take up"):
        client._transport.request("PUT", f"/v1/datasets/{extra.id}/files/a.txt", json="text")
    shown = run("usage")
    assert shown.code == 0
    assert "checkpoints" in shown.out
    assert run("usage", "--json").json["datasets"]["limit_bytes"] == found.datasets.bytes
    changed = run("quota", "--datasets", "none", "--checkpoints", "20GB", "--json").json
    assert (changed["datasets"]["limit_bytes"], changed["checkpoints"]["limit_bytes"]) == (None, 20 * 10**9)
    assert run("quota").code == 2
    assert run("quota", "--logs", "much").code == 2


def test_a_pause_at_a_quota_is_shown_and_a_retry_may_have_more_time(
    client: seedbed.Client,
    run: Command,  # noqa: F811 - the fixture
    trainer: Trainer,
    dataset: str,
) -> None:
    job = client.jobs.submit(SPEC | {"dataset": dataset, "resources": {"max_seconds": 1e-6}})
    trainer.claim()
    trainer.finish(
        jobs.Paused("quota_exceeded", 75, "Full of checkpoints.", "Make room.", {"kind": "checkpoints"})
    )
    pause = client.jobs.get(job.id).pause
    assert pause is not None
    assert (pause.code, pause.message, pause.hint) == ("quota_exceeded", "Full of checkpoints.", "Make room.")
    shown = run("job", "show", job.id).out
    assert "Full of checkpoints." in shown
    assert "Make room." in shown
    assert client.jobs.resume(job.id).pause is None
    trainer.claim()
    trainer.finish(jobs.Failed("time_limit", "The job has used up its time."))
    with pytest.raises(seedbed.Conflict, match="larger max_seconds"):
        client.jobs.retry(job.id)
    assert run("job", "retry", job.id, "--max-seconds", "3600").code == 0
    again = client.jobs.get(job.id)
    assert (again.state, again.spec["resources"]["max_seconds"]) == ("queued", 3600)
    assert again.seconds_used > 0
    client.jobs.cancel(job.id)
    assert client.jobs.retry(job.id, max_seconds=None).spec["resources"]["max_seconds"] is None
