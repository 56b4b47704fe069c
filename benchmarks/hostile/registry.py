"""Finds the attacks: every module of ``benchmarks.hostile.attacks``, by its name.

A new attack is a new module there with a docstring and a function ``attack(target: Target) -> None``. It runs in a
separate process, checks each answer with `benchmarks.hostile.target.expect`, and raises `NotDelivered` if the service
did not answer as required.
"""

import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import cast

from benchmarks.hostile import attacks
from benchmarks.hostile.target import Target

Attack = Callable[[Target], None]


def names() -> list[str]:
    """The names of all attacks, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(attacks.__path__))


def load(name: str) -> tuple[str, Attack]:
    """The first line of an attack's docstring, and the attack.

    Raises:
        ModuleNotFoundError: there is no attack of that name.
    """
    module = import_module(f"{attacks.__name__}.{name}")
    return (module.__doc__ or "").partition("\n")[0], cast("Attack", module.attack)
