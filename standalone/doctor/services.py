"""Checks of the services that the settings name: database, Redis, storage; and of the workers."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from secrets import token_hex

from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import SQLAlchemyError

import control.models  # noqa: F401 - SQLAlchemy needs every table that a foreign key refers to
from control.broker import Broker
from control.db import create_engine, read
from control.errors import SeedbedError, Unauthorized
from control.keys import secrets as key_secrets
from control.keys import service as keys
from control.migrate import check_revision
from control.scheduling.roster import list_workers
from control.settings import Settings
from control.storage import open_storage
from control.storage.base import TEMPORARY
from standalone.doctor.finding import Finding, bad, ok, warn, with_free_space
from standalone.home import Home
from worker.device import installed_version

_FEWEST_CHARACTERS = 10
"""A random secret of 32 characters practically always has at least this many different characters."""
_CLOCK_SECONDS = 2.0


@contextmanager
def _connected(chosen: Settings) -> Iterator[Engine]:
    engine = create_engine(chosen.database_url, application="seedbed doctor", pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


def secret(chosen: Settings, home: Home) -> Finding:
    """Whether the secret is random enough, and whether it verifies the key of this machine's user."""
    value = chosen.secret.get_secret_value()
    if len(set(value)) < _FEWEST_CHARACTERS:
        return warn(
            "secret",
            "SEEDBED_SECRET is too regular to be secret",
            "Set a random one (openssl rand -hex 32), and make new API keys.",
        )
    known = home.client()
    service = home.service()
    if known is not None and service is not None and service["DATABASE_URL"] == chosen.database_url:
        try:
            with _connected(chosen) as engine, read(engine) as session:
                keys.identify_by_digest(session, key_secrets.digest(str(known["key"]), value))
        except Unauthorized:
            return warn(
                "secret",
                f"the key kept in {home.directory} is not valid with this secret",
                "Start `seedbed-server up` again, which makes a new key; a changed secret makes every older key invalid.",
            )
        except SQLAlchemyError:
            return ok("secret", "set")  # the check of the database reports this
    return ok("secret", "set")


def database(chosen: Settings) -> Finding:
    try:
        with _connected(chosen) as engine, read(engine) as session:
            version = session.execute(text("SHOW server_version")).scalar_one()
            free = session.execute(_FREE_CONNECTIONS).scalar_one()
        check_revision(chosen.database_url)
    except SeedbedError as error:
        return bad("database", error.code.replace("_", " "), error.detail)
    except SQLAlchemyError as error:
        return bad("database", _first_line(error), "Check DATABASE_URL, and that PostgreSQL runs.")
    found = f"PostgreSQL {version}, tables up to date, {free} connections free"
    if free < 10:
        return warn("database", found, "Raise max_connections: an API takes up to 41, a worker up to 8.")
    return ok("database", found)


_FREE_CONNECTIONS = text(
    "SELECT CAST(current_setting('max_connections') AS int) - count(*) "
    "FROM pg_stat_activity WHERE backend_type = 'client backend'"
)


def clock(chosen: Settings) -> Finding | None:
    """The difference between this machine's clock and the database's, which leases and waiting times are based on."""
    try:
        with _connected(chosen) as engine, read(engine) as session:
            session.connection()
            before = time.time()
            theirs = session.execute(select(func.clock_timestamp())).scalar_one().timestamp()
            after = time.time()
    except SQLAlchemyError:
        return None  # the check of the database reports this
    skew = (before + after) / 2 - theirs
    found = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} the database's"
    if abs(skew) > _CLOCK_SECONDS:
        return warn(
            "clock",
            found,
            "Synchronise both clocks by NTP: times of metric points and ends of sessions come from this machine's.",
        )
    return ok("clock", found)


def redis(chosen: Settings) -> Finding:
    with closing(Broker(chosen)) as broker:
        try:
            info = broker.live.info()
            waiting = broker.backlog("cpu") + broker.backlog("gpu")
        except Exception as error:  # noqa: BLE001 - redis and kombu raise different classes
            return bad("Redis", _first_line(error), "Check REDIS_URL, and that Redis runs.")
    name = (
        f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"
    )
    policy = info["maxmemory_policy"]
    found = f"{name}, {waiting} wake-up messages waiting, eviction policy {policy}"
    if policy != "noeviction":
        return warn(
            "Redis",
            found,
            "Set maxmemory-policy to noeviction: an evicted wake-up message delays a job by seconds, an evicted stream "
            "delays live updates.",
        )
    return ok("Redis", found)


def storage(chosen: Settings) -> Finding:
    """Whether the storage can write, read and delete an object."""
    key = f"{TEMPORARY}/doctor-{token_hex(8)}"
    try:
        opened = open_storage(chosen.storage_url)
        opened.put_stream(key, [b"seedbed"])
        content = b"".join(opened.chunks(key))
        opened.delete(key)
        free = opened.free_bytes()
    except (SeedbedError, ValueError) as error:
        cause = error.__cause__
        reason = f" ({_first_line(cause)})" if cause is not None else ""
        return bad(
            "storage",
            f"{error}{reason}",
            "Check STORAGE_URL, its credentials and permissions, and that it has free space.",
        )
    if content != b"seedbed":
        return bad(
            "storage", "returns other bytes than were written", "Do not use it before that is corrected."
        )
    kind = chosen.storage_url.partition(":")[0]
    return with_free_space("storage", f"{kind} can be written and read", free)


def workers(chosen: Settings) -> Finding | None:
    try:
        with _connected(chosen) as engine, read(engine) as session:
            online = [found for found in list_workers(session) if found.state != "offline"]
    except SQLAlchemyError:
        return None  # the check of the database reports this
    if not online:
        return bad(
            "workers", "none is online", "Start one with `seedbed-server worker`; jobs wait until then."
        )
    found = ", ".join(f"{worker.name} ({worker.device}, {worker.state})" for worker in online)
    ours = installed_version("seedbed-server")
    others = sorted({worker.version for worker in online} - {ours})
    if others:
        return warn("workers", found, f"Update the workers of version {', '.join(others)} to {ours}.")
    return ok("workers", found)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0]
