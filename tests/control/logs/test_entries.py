"""Log entries: bounded, without local variables and secrets, in both formats."""

import io
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest
import structlog

from control.logs import configure, secrets

MOST_BYTES = 48_000
_SECRETS = {
    "SEEDBED_SECRET": "correct horse battery staple 0123456789",
    "DATABASE_URL": "postgresql+psycopg://seedbed:pa%2Fss-of-the-database@db/seedbed",
    "REDIS_URL": "redis://:pass-of-redis@cache:6379/0",
    "STORAGE_URL": "s3://bucket/prefix?secret=secret-of-storage",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEBYaDEXAMPLE",
}
PLAIN = (
    "correct horse battery staple 0123456789",
    "pa/ss-of-the-database",
    "pa%2Fss-of-the-database",
    "pass-of-redis",
    "secret-of-storage",
    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "FwoGZXIvYXdzEBYaDEXAMPLE",
    "sb_" + "k3Y-_" * 8 + "abc",
    "AKIA" + "IOSFODNN7EXAMPLE",
)

Logged = Callable[[str], str]


@pytest.fixture(params=["console", "json"])
def log_format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def written(log_format: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Captures the log of the process."""
    stream = io.StringIO()
    for name, value in _SECRETS.items():
        monkeypatch.setenv(name, value)
    secrets._pattern.cache_clear()
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, threading.excepthook, sys.unraisablehook)
    monkeypatch.setattr(sys, "stderr", stream)
    configure(log_format)
    try:
        yield stream
    finally:
        root.handlers, level, sys.excepthook, threading.excepthook, sys.unraisablehook = before
        root.setLevel(level)
        secrets._pattern.cache_clear()


def entry(stream: io.StringIO, log_format: str) -> str:
    """The one entry that was written, which must have a bounded size and, as JSON, be one line."""
    text = stream.getvalue()
    assert text
    assert len(text.encode("utf-8", "backslashreplace")) < MOST_BYTES
    if log_format == "json":
        (line,) = text.splitlines()
        json.loads(line, parse_constant=pytest.fail)
    return text


class Spy:
    """Records whether its representation was computed."""

    looked = False

    def __repr__(self) -> str:
        type(self).looked = True
        return "SPIED"


def chain(length: int) -> Exception:
    first: Exception = ValueError("the beginning")
    for number in range(length):
        after = RuntimeError(f"link {number}")
        after.__cause__ = first
        first = after
    return first


def circle() -> Exception:
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one
    return one


def deep(depth: int) -> NoReturn:
    spy = Spy()
    if depth:
        deep(depth - 1)
    raise RuntimeError("at the bottom", id(spy))


def raised(act: Callable[[], object]) -> BaseException:
    try:
        act()
    except BaseException as error:  # noqa: BLE001 - it is what is wanted
        return error
    raise AssertionError("nothing was raised")


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def groups(levels: int) -> BaseException:
    if not levels:
        return ValueError("x" * 10_000)
    return BaseExceptionGroup("g" * 10_000, [groups(levels - 1) for _ in range(4)])


def noted() -> BaseException:
    error = ValueError("with notes")
    for _ in range(10_000):
        error.add_note("n" * 10_000)
    return error


ERRORS: dict[str, Callable[[], BaseException]] = {
    "long message": lambda: ValueError("x" * 5_000_000),
    "lines": lambda: ValueError("line\n" * 1_000_000),
    "emoji": lambda: ValueError("\N{GRINNING FACE}" * 1_000_000),
    "surrogates and control characters": lambda: ValueError("\ud800\0\x1b[31m" * 100_000),
    "deep stack": lambda: raised(lambda: deep(700)),
    "long chain": lambda: chain(100_000),
    "circular chain": circle,
    "wide group": lambda: ExceptionGroup("many", [ValueError("x" * 1000) for _ in range(20_000)]),
    "groups in groups": lambda: groups(6),
    "notes": noted,
    "no words": Mute,
    "long name": type("E" * 100_000, (Exception,), {}),
    "exit": lambda: SystemExit(3),
}


@pytest.mark.parametrize("made", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("through", ["structlog", "logging"])
def test_every_exception_is_one_bounded_entry(
    written: io.StringIO, log_format: str, made: Callable[[], BaseException], through: str
) -> None:
    Spy.looked = False
    error = made()
    if through == "structlog":
        structlog.stdlib.get_logger("test").error("it failed", exc_info=error)
    else:
        logging.getLogger("test").error("it failed", exc_info=error)
    text = entry(written, log_format)
    assert "it failed" in text
    assert type(error).__name__[:50] in text
    assert not Spy.looked
    assert "\x1b[31m" not in text.replace("\x1b[31m\x1b[1m", "")


def test_an_entry_has_message_and_stack(written: io.StringIO, log_format: str) -> None:
    logging.getLogger("test").error("it failed", exc_info=raised(lambda: deep(700)))
    text = entry(written, log_format)
    assert "at the bottom" in text
    assert "in deep" in text
    assert "test_entries.py" in text
    assert "frames are left out" in text


def test_the_beginning_of_a_chain_is_kept(written: io.StringIO, log_format: str) -> None:
    logging.getLogger("test").error("it failed", exc_info=chain(500))
    text = entry(written, log_format)
    assert "the beginning" in text
    assert "link 499" in text


VALUES: dict[str, Any] = {
    "text": "x" * 300_000,
    "list": [["x" * 1000] * 100] * 100,
    "dict": {f"name {n}": {"a": ["b" * 1000]} for n in range(300)},
    "bytes": b"x" * 300_000,
    "integer": 10**4_000,
    "not a number": float("nan"),
    "infinity": float("inf"),
    "object": object(),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_every_value_is_bounded(written: io.StringIO, log_format: str, value: Any) -> None:
    structlog.stdlib.get_logger("test").info("told", **{f"value {n}": value for n in range(30)})
    entry(written, log_format)


def test_a_long_sentence_is_bounded(written: io.StringIO, log_format: str) -> None:
    logging.getLogger("test").warning("said: %s", "x" * 3_000_000)
    assert "characters in all" in entry(written, log_format)


def test_an_entry_whose_formatting_fails_shows_no_arguments(written: io.StringIO, log_format: str) -> None:
    record = logging.LogRecord("test", logging.WARNING, __file__, 1, "%d", ("an argument",), None)
    # Pytest's own handlers, which are active too, raise formatting errors.
    (handler,) = (h for h in logging.getLogger().handlers if type(h).__module__.startswith("control."))
    handler.handle(record)
    assert "an argument" not in written.getvalue()
    assert "test" in written.getvalue()


def _from(secret: str) -> BaseException:
    after = RuntimeError("after")
    after.__cause__ = ValueError(secret)
    return after


def _sentence(secret: str) -> str:
    return f"met {secret} there"


LOG = structlog.stdlib.get_logger("test")
WHERE: dict[str, Callable[[str], object]] = {
    "sentence": lambda secret: LOG.error(_sentence(secret)),
    "argument": lambda secret: logging.getLogger("test").error("met %r there", secret),
    "field": lambda secret: LOG.error("met", it=secret),
    "list": lambda secret: LOG.error("met", it=[{"a": secret, secret: 1}]),
    "error": lambda secret: LOG.error("met", exc_info=ValueError(f"no {secret!r}")),
    "cause": lambda secret: LOG.error("met", exc_info=_from(secret)),
    "url": lambda secret: LOG.error("".join(["met redis://user:", secret.replace("/", "%2F"), "@host/0"])),
    "cut": lambda secret: LOG.error("met", it="x" * (999 - len(secret) // 2) + " " + secret),
}


@pytest.mark.parametrize("secret", PLAIN)
@pytest.mark.parametrize("say", WHERE.values(), ids=WHERE)
def test_no_secret_gets_into_an_entry(
    written: io.StringIO, log_format: str, secret: str, say: Callable[[str], object]
) -> None:
    say(secret)
    text = entry(written, log_format)
    assert "met" in text
    assert secret not in text
    assert secret[: len(secret) // 2] not in text


def test_no_session_cookie_gets_into_an_entry(written: io.StringIO, log_format: str) -> None:
    from control.keys.secrets import SessionToken  # noqa: PLC0415 - for this test alone

    cookie = SessionToken("key_01kb3c4d5e6f7g8h9jakbmcnpq", 1_900_000_000).sign("s" * 40)
    logging.getLogger("test").error("came with %s", cookie)
    assert cookie.partition(".")[2] not in entry(written, log_format)


def test_an_uncaught_exception_of_a_thread_is_one_entry(written: io.StringIO, log_format: str) -> None:
    thread = threading.Thread(target=lambda: deep(300), name="a thread")
    thread.start()
    thread.join()
    text = entry(written, log_format)
    assert "a thread" in text
    assert "at the bottom" in text
