"""Wake-ups and live messages on a real Valkey."""

import pytest

from control.broker import TASK, Broker, LiveMessage, broker_url, live_key, redis_client
from control.settings import Settings


@pytest.mark.parametrize(
    ("redis_url", "expected"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/1"),
        ("redis://localhost:6379", "redis://localhost:6379/1"),
        ("rediss://:pw@host:6380/4", "rediss://:pw@host:6380/5"),
        ("redis://h/2?ssl_cert_reqs=none", "redis://h/3?ssl_cert_reqs=none"),
        ("unix:///run/valkey.sock?db=0", "redis+socket:///run/valkey.sock?virtual_host=1"),
        ("unix:///run/valkey.sock", "redis+socket:///run/valkey.sock?virtual_host=1"),
        ("unix:///a%20b/v.sock?db=3", "redis+socket:///a%20b/v.sock?virtual_host=4"),
    ],
)
def test_celery_takes_the_database_after_ours(environment: Settings, redis_url: str, expected: str) -> None:
    assert broker_url(environment.model_copy(update={"redis_url": redis_url})) == expected


def test_a_wakeup_is_one_celery_message_in_its_queue(test_broker: Broker) -> None:
    test_broker.wake("gpu", "job_1")
    assert (test_broker.backlog("cpu"), test_broker.backlog("gpu")) == (0, 1)
    with test_broker._celery.connection_for_read() as connection:
        message = connection.SimpleQueue("gpu").get(timeout=5)
        message.ack()
    assert message.headers["task"] == TASK
    assert message.payload[0] == ["job_1"]
    assert test_broker.backlog("gpu") == 0


def test_wakeups_do_not_lie_in_the_database_of_live_messages(test_broker: Broker) -> None:
    test_broker.wake("cpu", "job_1")
    assert test_broker.live.dbsize() == 0


def test_messages_are_appended_in_order_and_forgotten_in_time(test_broker: Broker) -> None:
    test_broker.publish(
        [
            LiveMessage("job_1", "job"),
            LiveMessage("job_2", "job"),
            LiveMessage("job_1", "points"),
        ]
    )
    client = redis_client()
    found = [fields for _, fields in client.xrange(live_key("job_1"))]  # type: ignore[union-attr]
    assert found == [{"kind": "job"}, {"kind": "points"}]
    assert 0 < client.ttl(live_key("job_1")) <= 24 * 3600  # type: ignore[operator]
    assert client.xlen(live_key("job_2")) == 1


def test_a_stream_does_not_grow_without_end(test_broker: Broker) -> None:
    test_broker.publish(LiveMessage("job_1", "points") for _ in range(3000))
    assert 2000 <= test_broker.live.xlen(live_key("job_1")) < 2500  # type: ignore[operator]


def test_a_broker_reconnects(test_broker: Broker) -> None:
    test_broker.wake("cpu", "job_1")
    test_broker.ping()
    test_broker.live.client_kill_filter(_type="normal", skipme=True)
    test_broker.wake("cpu", "job_2")
    test_broker.ping()
    assert test_broker.backlog("cpu") == 2
