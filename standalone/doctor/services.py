"""Checks of what the settings lead to: database, Redis, storage, and who works there."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from secrets import token_hex

from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import SQLAlchemyError

import control.models  # noqa: F401 - every table that a foreign key names has to be known
from control.broker import Broker
from control.db import create_engine, read
from control.errors import SeedbedError, Unauthorized
from control.keys import secrets as key_secrets
from control.keys import service as keys
from control.migrate import check_revision
from control.settings import Settings
from control.storage import open_storage
from control.storage.base import TEMPORARY
from control.workers import service as workers_service
from standalone.doctor.finding import Finding, bad, ok, room, warn
from standalone.home import Home
from worker.device import installed_version

_FEWEST_CHARACTERS = 10
"""So many different ones are in every secret of 32 characters that was drawn at random."""
_CLOCK_SECONDS = 2.0


@contextmanager
def _connected(chosen: Settings) -> Iterator[Engine]:
    engine = create_engine(chosen.database_url, application="seedbed doctor", pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


def secret(chosen: Settings, home: Home) -> Finding:
    """Whether it can be guessed, and whether the key of this machine's user was made with it."""
    value = chosen.secret.get_secret_value()
    if len(set(value)) < _FEWEST_CHARACTERS:
        return warn(
            "secret",
            "SEEDBED_SECRET is too regular to be one",
            "Set one drawn at random (openssl rand -hex 32), and make the API keys anew.",
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
                f"the key kept in {home.directory} is not known with it",
                "Start `seedbed-server up` again, which makes a new key; with a changed secret every older one is void.",
            )
        except SQLAlchemyError:
            return ok("secret", "set")  # the database has a finding of its own
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
    """How far this machine's clock is from the database's, by which leases and waits are reckoned."""
    try:
        with _connected(chosen) as engine, read(engine) as session:
            session.connection()
            before = time.time()
            theirs = session.execute(select(func.clock_timestamp())).scalar_one().timestamp()
            after = time.time()
    except SQLAlchemyError:
        return None  # the database has a finding of its own
    skew = (before + after) / 2 - theirs
    found = f"{abs(skew):.1f} s {'ahead of' if skew > 0 else 'behind'} the database's"
    if abs(skew) > _CLOCK_SECONDS:
        return warn("clock", found, "Set both clocks by NTP: points in charts and sessions go by this one.")
    return ok("clock", found)


def redis(chosen: Settings) -> Finding:
    with closing(Broker(chosen)) as broker:
        try:
            told = broker.live.info()
            waiting = broker.backlog("cpu") + broker.backlog("gpu")
        except Exception as error:  # noqa: BLE001 - redis and kombu each have their own
            return bad("Redis", _first_line(error), "Check REDIS_URL, and that Redis runs.")
    name = (
        f"Valkey {told['valkey_version']}" if "valkey_version" in told else f"Redis {told['redis_version']}"
    )
    policy = told["maxmemory_policy"]
    found = f"{name}, {waiting} doorbells wait, eviction policy {policy}"
    if policy != "noeviction":
        return warn(
            "Redis",
            found,
            "Set maxmemory-policy to noeviction: an evicted doorbell costs a job seconds, an evicted stream its liveness.",
        )
    return ok("Redis", found)


def storage(chosen: Settings) -> Finding:
    """Whether it takes an object, gives it back and lets it go."""
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
            "Check STORAGE_URL, its credentials and rights, and that there is room.",
        )
    if content != b"seedbed":
        return bad(
            "storage", "gives back other bytes than it was given", "Do not use it before it is mended."
        )
    kind = chosen.storage_url.partition(":")[0]
    return room("storage", f"{kind} takes and gives back", free)


def workers(chosen: Settings) -> Finding | None:
    try:
        with _connected(chosen) as engine, read(engine) as session:
            online = [found for found in workers_service.list_workers(session) if found.state != "offline"]
    except SQLAlchemyError:
        return None  # the database has a finding of its own
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
