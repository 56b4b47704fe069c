"""Runs one attack in a separate process."""

import multiprocessing
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.hostile import registry
from benchmarks.hostile.target import Target

ATTACK_SECONDS = 240.0
"""Time limit of an attack; one that takes longer has failed."""


@dataclass
class Outcome:
    """The result of one attack."""

    name: str
    what: str
    begun: float
    ended: float
    failure: str | None
    """Why it was not delivered, or not answered as required; None if it was."""


def deliver(name: str, target: Target) -> Outcome:
    """Run the attack in a separate process, which ends with this one."""
    what, _ = registry.load(name)
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_attack, args=(name, target, sender), daemon=True)
    begun = time.monotonic()
    process.start()
    sender.close()
    failure: str | None
    try:
        if receiver.poll(ATTACK_SECONDS):
            failure, secrets = receiver.recv()
            target.secrets.extend(secrets)
        else:
            failure = f"it did not end within {ATTACK_SECONDS:.0f} s"
    except EOFError:
        failure = "its process died"
    finally:
        process.terminate()
        process.join()
    print(f"{name}: {failure or 'delivered'}", flush=True)
    return Outcome(name, what, begun, time.monotonic(), failure)


def _attack(name: str, target: Target, sender: Any) -> None:
    _, attack = registry.load(name)
    try:
        attack(target)
        failure = None
    except Exception as error:  # noqa: BLE001 - any error means that the attack was not delivered as intended
        failure = f"{type(error).__name__}: {error}"
    sender.send((failure, target.secrets))
