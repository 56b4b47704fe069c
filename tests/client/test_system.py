"""The state of the service, from Python and from the command line."""

import seedbed

from tests.client.test_cli import Command, environ, run  # noqa: F401 - fixtures


def test_the_state_of_the_service_is_returned(client: seedbed.Client, run: Command, job: str) -> None:  # noqa: F811 - the fixture
    found = client.system()
    assert (found.scope, found.queue.queued, found.queue.running) == ("project", 0, 1)
    assert (found.workers.online, found.workers.busy) == (1, 1)
    assert found.storage.state == "ok"
    client.set_quotas(checkpoints=20 * 10**9)
    shown = run("system")
    assert shown.code == 0, shown.err
    assert found.version in shown.out
    assert "0 queued, 1 running, 0 paused" in shown.out
    assert "1 online, 1 busy" in shown.out
    assert "checkpoints 20.0 GB" in shown.out
    assert "must stay so" in shown.out
    assert run("system", "--json").json["queue"]["running"] == 1
