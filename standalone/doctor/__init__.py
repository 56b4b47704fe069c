"""Checks of everything that the service depends on; each finding says how to correct the problem."""

from collections.abc import Callable, Iterator
from functools import partial

from pydantic import ValidationError

from control.settings import Settings
from standalone.doctor import machine, services
from standalone.doctor.finding import Finding, bad, ok
from standalone.home import Home

__all__ = ["Finding", "examine"]


def examine(home: Home, *, host: str, port: int) -> Iterator[Finding]:
    """Run all checks, one after another, even after one fails.

    Args:
        host: The address that the API listens on, or will listen on.
        port: Its port.
    """
    yield from _run(
        [
            ("Python", machine.python),
            ("torch", machine.torch),
            ("device", machine.device),
            ("tasks", machine.tasks),
            ("data directory", partial(machine.directory, "data directory", home.directory)),
            ("API", partial(machine.api, home, host, port)),
        ]
    )
    try:
        chosen = Settings()
    except ValidationError as error:
        yield _settings(error, home)
        return
    yield ok("settings", "complete")
    yield from _run(
        [
            ("secret", partial(services.secret, chosen, home)),
            ("database", partial(services.database, chosen)),
            ("clock", partial(services.clock, chosen)),
            ("Redis", partial(services.redis, chosen)),
            ("storage", partial(services.storage, chosen)),
            ("worker's cache", partial(machine.directory, "worker's cache", chosen.cache_directory)),
            ("worker's metrics", partial(machine.worker_metrics, chosen)),
            ("workers", partial(services.workers, chosen)),
        ]
    )


def _run(checks: list[tuple[str, Callable[[], Finding | None]]]) -> Iterator[Finding]:
    for what, check in checks:
        try:
            finding = check()
        except Exception as error:  # noqa: BLE001 - an unexpected error of a check is a finding too
            reason = f"{type(error).__name__}: {error}".partition("\n")[0]
            yield bad(what, f"could not be checked ({reason})", "Correct that, and run `doctor` again.")
        else:
            if finding is not None:
                yield finding


def _settings(error: ValidationError, home: Home) -> Finding:
    # Never the values: one of them may be the secret.
    wrong = "; ".join(f"{problem['loc'][0]}: {problem['msg'].lower()}" for problem in error.errors())
    running = "runs" if home.running else "does not run"
    return bad(
        "settings",
        f"{wrong} (the service of {home.directory} {running})",
        "Set them in the environment as docs/operations.md says, or start `seedbed-server up`.",
    )
