"""The kinds of short jobs: one in each module of `control.short_jobs.kinds`."""

import importlib
from collections.abc import Mapping
from functools import cache
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any

from control.short_jobs import kinds as package
from control.short_jobs.kind import Kind


@cache
def kinds() -> Mapping[str, Kind[Any]]:
    """Every kind by its name, in the order of the names."""
    found = [
        importlib.import_module(f"{package.__name__}.{module.name}").KIND
        for module in iter_modules(package.__path__)
    ]
    return MappingProxyType({kind.name: kind for kind in sorted(found, key=lambda kind: kind.name)})
