"""Readiness checks of the parts that this process depends on, each in a thread of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine, text

from control.db import read

_PATIENCE = 3.0
"""Seconds within which a part must answer."""


class Readiness:
    """Checks each part in a thread of its own, so that a part that hangs delays no other, and collects no second check.

    Args:
        checks: By name; each raises where its part does not answer.
    """

    def __init__(self, checks: dict[str, Callable[[], object]]) -> None:
        self._checks = checks
        self._threads = {name: ThreadPoolExecutor(1, f"ready-{name}") for name in checks}
        self._asked: dict[str, asyncio.Future[object]] = {}

    async def states(self) -> dict[str, str]:
        """``ok`` or the kind of failure for each part; never the error's message, which may name hosts."""
        states = await asyncio.gather(*map(self._state, self._checks))
        return dict(zip(self._checks, states, strict=True))

    def close(self) -> None:
        """End the threads, without waiting for a part that hangs."""
        for thread in self._threads.values():
            thread.shutdown(wait=False, cancel_futures=True)

    async def _state(self, name: str) -> str:
        asked = self._asked.get(name)
        if asked is None or asked.done():
            # Requests that come meanwhile share this check.
            loop = asyncio.get_running_loop()
            asked = self._asked[name] = loop.run_in_executor(self._threads[name], self._checks[name])
        try:
            await asyncio.wait_for(asyncio.shield(asked), _PATIENCE)
        except TimeoutError:
            return "no answer in time"
        except Exception as error:  # noqa: BLE001 - any failure means the same: not ready
            return f"failing ({type(error).__name__})"
        return "ok"


def ask_database(engine: Engine) -> None:
    """
    Raises:
        sqlalchemy.exc.SQLAlchemyError: it does not answer.
    """
    with read(engine) as session:
        session.execute(text("SELECT 1"))
