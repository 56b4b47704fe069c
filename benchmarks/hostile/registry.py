"""The attacks: every module of ``benchmarks.hostile.attacks``, by its name.

A new attack is a new module there with a docstring and a function ``attack(target: Target) -> None``. It runs in a
process of its own, checks each answer with `Target.expect`, and raises `NotDelivered` where the service did not
answer as it must.
"""

import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import cast

from benchmarks.hostile import attacks
from benchmarks.hostile.target import Target

Attack = Callable[[Target], None]


def names() -> list[str]:
    """All attacks, in the order of their names."""
    return sorted(module.name for module in pkgutil.iter_modules(attacks.__path__))


def load(name: str) -> tuple[str, Attack]:
    """The first line of its docstring, and the attack.

    Raises:
        ModuleNotFoundError: there is none of that name.
    """
    module = import_module(f"{attacks.__name__}.{name}")
    return (module.__doc__ or "").partition("\n")[0], cast("Attack", module.attack)
