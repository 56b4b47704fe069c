"""Reads job specs from YAML or JSON files, and reports syntax errors without a request to the service."""

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from seedbed.errors import InvalidFile

Spec = Mapping[str, Any] | str | os.PathLike[str]
"""A spec as a mapping, or the file that holds it."""


def read(
    spec: Spec, dataset: str | None = None, start: str | None = None, scope: str | None = None
) -> dict[str, Any]:
    """The spec as plain data, with ``dataset``, ``start.checkpoint`` and ``start.scope`` in place of its own where given.

    Raises:
        InvalidFile: the file cannot be read, is no YAML, or holds what JSON cannot say; ``start`` is no mapping there.
    """
    read = dict(spec) if isinstance(spec, Mapping) else parse(read_text(spec), str(spec))
    replace(read, dataset, start, scope)
    return read


def replace(
    spec: dict[str, Any], dataset: str | None = None, start: str | None = None, scope: str | None = None
) -> list[str]:
    """Set in a spec what is not None, and return the dotted paths that were set. What lies below ``start`` is copied.

    Raises:
        InvalidFile: ``start`` is to be changed, and is no mapping there.
    """
    given = {"dataset": dataset} if dataset is not None else {}
    spec.update(given)
    inner = {name: value for name, value in (("checkpoint", start), ("scope", scope)) if value is not None}
    if inner:
        before = spec.get("start") or {}
        if not isinstance(before, Mapping):
            raise InvalidFile(
                f"start is {before!r} in the spec; it is a mapping of `checkpoint` and `scope`."
            )
        spec["start"] = {**before, **inner}
    return [*given, *(f"start.{name}" for name in inner)]


def parse(text: str, source: str) -> dict[str, Any]:
    """The spec in a YAML or JSON text; ``source`` names it in errors.

    Raises:
        InvalidFile: it is no YAML, no mapping, or holds what JSON cannot say.
    """
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{source}, line {mark.line + 1}, column {mark.column + 1}" if mark else source
        raise InvalidFile(f"{where}: {error.problem or error}.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidFile(f"{source} is not valid YAML: {error}") from None
    if not isinstance(document, dict):
        kind = "empty" if document is None else f"a {type(document).__name__}"
        raise InvalidFile(
            f"{source} is {kind}; a job is a mapping with at least `name`, `task` and `training`."
        )
    _check(document, "", source)
    return document


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a file.

    Raises:
        InvalidFile: it cannot be read or is no text.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidFile(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise InvalidFile(f"{path} is not a text file in UTF-8.") from None


class _Loader(yaml.SafeLoader):
    """Refuses duplicate keys, of which YAML would silently drop one; reads JSON's escapes."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        # JSON writes a character beyond U+FFFF as a surrogate pair, which YAML does not combine.
        value = super().construct_scalar(node)
        if isinstance(value, str) and not value.isascii():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key.value, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} comes twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


def _check(value: Any, place: str, source: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise InvalidFile(
                    f"{source}: the key {key!r} {_at(place)} is not a string; put it in quotes."
                )
            _check(inner, f"{place}.{key}" if place else key, source)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check(inner, f"{place}.{index}", source)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InvalidFile(f"{source}: {place} is {value}, which is not a number that a job can use.")
    elif not isinstance(value, str | int | float | bool | None):
        raise InvalidFile(
            f"{source}: YAML reads {place} as a {type(value).__name__} ({value}); put it in quotes if it is a text."
        )


def _at(place: str) -> str:
    return f"in {place}" if place else "at the top"


def lines(text: str) -> dict[str, int]:
    """Dotted path of each field → the line, counted from 1, on which a YAML text has it."""
    found: dict[str, int] = {}
    node = yaml.compose(text, yaml.SafeLoader)
    if node is not None:
        _walk(node, "", found)
    return found


def _walk(node: yaml.Node, place: str, found: dict[str, int]) -> None:
    prefix = f"{place}." if place else ""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            found[f"{prefix}{key.value}"] = key.start_mark.line + 1
            _walk(value, f"{prefix}{key.value}", found)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            found[f"{prefix}{index}"] = value.start_mark.line + 1
            _walk(value, f"{prefix}{index}", found)


def assign(spec: dict[str, Any], assignments: Iterable[str]) -> None:
    """Carry out ``training.steps=2000`` and the like on a spec; values are YAML. ``training.epochs`` replaces the spec's
    ``training.steps``, and the other way round, unless both are assigned.

    Raises:
        InvalidFile: one of them is no assignment.
    """
    assignments = list(assignments)
    paths = {assignment.partition("=")[0].strip() for assignment in assignments}
    for name, replaced in (("steps", "epochs"), ("epochs", "steps")):
        training = spec.get("training")
        alone = paths & {f"training.{name}", f"training.{replaced}"} == {f"training.{name}"}
        if alone and isinstance(training, dict):
            training.pop(replaced, None)
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        *parents, last = path.strip().split(".")
        if not equals or not all([*parents, last]):
            raise InvalidFile(f"{assignment!r} is no assignment; one looks like training.steps=2000.")
        inner = spec
        for parent in parents:
            if inner.get(parent) is None:
                inner[parent] = {}
            below = inner[parent]
            if not isinstance(below, dict):
                raise InvalidFile(
                    f"{assignment!r}: {parent} is {below!r} there, so nothing can lie below it."
                )
            inner = below
        try:
            inner[last] = yaml.load(value, _Loader)  # noqa: S506 - a SafeLoader
        except (yaml.YAMLError, ValueError):
            raise InvalidFile(f"{assignment!r}: the value is not valid YAML.") from None
        _check(inner[last], path, "the command line")
