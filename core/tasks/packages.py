"""Finds tasks of installed packages, and checks them before they are used."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions
from importlib.util import find_spec
from typing import Any, get_args

from core.spec.architectures import PRESETS
from core.spec.metrics import directions
from core.spec.task import MODALITIES, TaskSpec

GROUP = "seedbed.tasks"
"""The group of entry points by which installed packages provide tasks."""

_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Offer:
    """An entry point of a package."""

    package: str
    kind: str
    value: str
    """``module:Class``"""
    entry: EntryPoint


@dataclass(frozen=True, slots=True)
class Fault:
    """A package's entry point that cannot be used, with the reason."""

    package: str
    kind: str
    value: str
    """Value of its entry point: ``module:Class``."""
    reason: str

    def __str__(self) -> str:
        return (
            f"The task {self.kind!r} of the package {self.package} ({self.value}) cannot be used: {self.reason}. "
            "The other tasks are not affected."
        )


class UnusableTaskError(Exception):
    """An entry point is no valid task; the message states why."""


def offers() -> tuple[list[Offer], list[Fault]]:
    """The entry points of all installed packages, ordered by package and kind, and those that cannot be read."""
    found: dict[tuple[str, str], Offer] = {}
    faults: list[Fault] = []
    seen: set[str] = set()
    for package, distribution in _installed():
        if package in seen:  # a second copy later on the path
            continue
        seen.add(package)
        try:
            entries = [entry for entry in distribution.entry_points if entry.group == GROUP]
        except Exception as error:  # noqa: BLE001 - whatever a file of another package holds
            if GROUP in (distribution.read_text("entry_points.txt") or ""):
                faults.append(Fault(package, "", "entry_points.txt", _said(error)))
            continue
        for entry in entries:
            offer = Offer(package, entry.name, entry.value, entry)
            found.setdefault((package, entry.name), offer)
    return [found[key] for key in sorted(found)], faults


def _installed() -> Iterator[tuple[str, Distribution]]:
    for distribution in distributions():
        # A folder without metadata, which an interrupted uninstallation leaves behind, has no name.
        name: str | None = distribution.metadata["Name"] if distribution.metadata is not None else None
        if name:
            yield re.sub(r"[-_.]+", "-", name).lower(), distribution


def require(offer: Offer, known: Iterable[type[TaskSpec]]) -> type[TaskSpec]:
    """The spec of a package's entry point, after checking every property that other code relies on.

    Args:
        known: The specs of the tasks before it.

    Raises:
        UnusableTaskError: it cannot be loaded, or is no valid spec of a task.
    """
    if not _KIND.fullmatch(offer.kind):
        raise UnusableTaskError(
            "a task's kind must consist of lower case letters, digits and _, at most 64 characters; rename the entry point"
        )
    spec = _load(offer)
    kind = spec.model_fields.get("kind")
    if kind is None or get_args(kind.annotation) != (offer.kind,) or kind.default != offer.kind:
        raise UnusableTaskError(
            f"it must have the field `kind: Literal[{offer.kind!r}] = {offer.kind!r}`, the name of its entry point"
        )
    _require_facts(spec)
    _require_one_direction(spec, known)
    try:
        spec.model_json_schema()
    except Exception as error:
        raise UnusableTaskError(f"its fields have no JSON schema: {_said(error)}") from error
    module = f"{spec.__module__.rpartition('.')[0]}.objective"
    if find_spec(module) is None:
        raise UnusableTaskError(f"there is no module {module}; it must contain the task's objective")
    return spec


def _load(offer: Offer) -> type[TaskSpec]:
    try:
        spec: Any = offer.entry.load()
    except (Exception, SystemExit) as error:
        raise UnusableTaskError(f"it cannot be imported: {_said(error)}") from error
    if not (isinstance(spec, type) and issubclass(spec, TaskSpec)):
        raise UnusableTaskError("it is no subclass of core.spec.task.TaskSpec")
    return spec


def _require_facts(spec: type[TaskSpec]) -> None:
    for name in ("title", "choose_if"):
        value = getattr(spec, name, None)
        if not isinstance(value, str) or not value.strip():
            raise UnusableTaskError(f"its spec must state `{name}: ClassVar[str]`")
    if getattr(spec, "modality", None) not in MODALITIES:
        raise UnusableTaskError(f"its spec must state `modality`, one of {', '.join(MODALITIES)}")
    presets = getattr(spec, "presets", ())
    if not presets or not isinstance(presets, tuple) or not set(presets) <= PRESETS.keys():
        raise UnusableTaskError(
            "its spec must state `presets`, a tuple of names of existing networks (core.spec.architectures)"
        )
    missing = [name for name in spec.main_fields if name not in spec.model_fields]
    if missing:
        raise UnusableTaskError(f"its `main_fields` name {', '.join(missing)}, but it has no such fields")


def _require_one_direction(spec: type[TaskSpec], known: Iterable[type[TaskSpec]]) -> None:
    """A series must have one direction in all tasks, because checkpoints are compared by the series' name alone."""
    mine = directions(spec.metrics)
    for other in known:
        for series, better in directions(other.metrics).items():
            if mine.get(series, better) != better:
                raise UnusableTaskError(
                    f"its metric {series} has the direction {mine[series]!r}, but in the task {other.title} "
                    f"it has {better!r}; rename the metric"
                )


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": .").replace("\n", " ")
