"""Ended jobs are deleted by the SDK and by the command line, which asks for confirmation."""

from pathlib import Path

import pytest
import seedbed
import yaml

from tests.client.conftest import SPEC, Service, Trainer
from tests.client.test_cli import Command, environ, run  # noqa: F401 - fixtures

FILES = {"config.json": b"{}", "model.safetensors": b"weights"}


def _stored(service: Service) -> list[str]:
    return [item.key for item in service.storage.list("jobs")]


def test_from_python(client: seedbed.Client, service: Service, trainer: Trainer, dataset: str) -> None:
    job = client.jobs.submit(SPEC | {"dataset": dataset})
    trainer.claim()
    first, second = trainer.checkpoint(10, FILES), trainer.checkpoint(20, FILES)
    with pytest.raises(seedbed.Conflict, match="Cancel it first"):
        client.jobs.delete(job.id)
    with pytest.raises(seedbed.Conflict, match="its newest checkpoint"):
        client.checkpoints.delete(second.id)
    client.checkpoints.delete(first.id)
    assert [found.id for found in client.checkpoints.list(job.id)] == [second.id]
    trainer.finish()
    export = client.checkpoints.export(second.id)
    with pytest.raises(seedbed.Conflict, match="Cancel it first"):
        client.exports.delete(export.id)
    client.exports.cancel(export.id)
    client.exports.delete(export.id)
    assert client.exports.list(job.id) == []
    client.jobs.delete(job.id)
    with pytest.raises(seedbed.NotFound):
        client.jobs.get(job.id)
    assert _stored(service) == []


def test_from_the_command_line(
    run: Command,  # noqa: F811 - the fixture
    client: seedbed.Client,
    service: Service,
    trainer: Trainer,
    dataset: str,
    tmp_path: Path,
) -> None:
    file = tmp_path / "job.yaml"
    file.write_text(yaml.safe_dump(SPEC | {"dataset": dataset}))
    job = run("job", "submit", "-f", file).out.strip()
    trainer.claim()
    first, second = trainer.checkpoint(10, FILES), trainer.checkpoint(20, FILES)
    assert run("checkpoint", "delete", first.id).code == 2, "nobody can be asked"
    assert run("checkpoint", "delete", first.id, "--yes").code == 0
    refused = run("job", "delete", job, "--yes")
    assert refused.code == 1
    assert "Cancel it first" in refused.err
    trainer.finish()
    asked = run("job", "delete", job)
    assert asked.code == 2
    assert "--yes" in asked.err
    assert client.jobs.get(job).checkpoints == 1
    assert run("job", "delete", job, "--yes", "--json").json == {"id": job, "deleted": True}
    assert run("checkpoint", "delete", second.id, "--yes").code == 1
    assert _stored(service) == []
