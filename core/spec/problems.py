"""Validation errors of a spec for people: the field, what is wrong, and the nearest valid name."""

import difflib
import json
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from core.parameters import plain
from core.spec.base import GIVEN
from core.spec.faults import SpecFault
from core.spec.job import JobSpec
from core.spec.stored import why_missing
from core.spec.tasks import task_faults

MOST_PROBLEMS = 20
"""At most this many problems are listed; the rest are counted."""
_MOST_CHARACTERS = 200
"""Most characters of a name or value in a message; a longer one is shortened."""
_LONGEST_NAME = 100
"""Most characters of a name for which the nearest valid name is searched."""


@dataclass(frozen=True)
class SpecProblem:
    """One problem of a spec."""

    param: str
    """Dotted path of the offending field, as ``training.steps``; ``""`` for the whole."""
    code: str
    """Stable name of the kind of problem, as ``unknown_field`` or ``greater_than_equal``."""
    message: str
    suggestion: str | None = None
    """The nearest valid name, where a name was mistyped."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """What `message` is made of: for checks of Pydantic its own, as ``gt``."""


class SpecError(ValueError):
    """The error for an invalid spec; ``problems`` lists the invalid fields.

    Args:
        more: How many further problems there are.
    """

    def __init__(self, problems: list[SpecProblem], more: int = 0) -> None:
        self.problems = problems
        self.more = more
        lines = [f"{p.param}: {p.message}" if p.param else p.message for p in problems]
        super().__init__("; ".join([*lines, f"and {more:,} more"] if more else lines))


def validate(document: Any) -> JobSpec:
    """The job that a decoded JSON or YAML document describes.

    Raises:
        SpecError: with one problem a field, for the first `MOST_PROBLEMS` of them.
    """
    try:
        return JobSpec.model_validate(document)
    except ValidationError as error:
        more = max(0, error.error_count() - MOST_PROBLEMS)
        raise SpecError(explain(error.errors(include_url=False)), more) from None


def load(path: Path) -> JobSpec:
    """The job in a YAML or JSON file (JSON is YAML).

    Raises:
        SpecError: if the file is no YAML or no valid job.
        OSError: when it cannot be read.
    """
    try:
        document = read_document(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        problem = SpecProblem(
            "", "not_yaml", f"{path} is not valid YAML: {error}", params=plain({"path": path, "error": error})
        )
        raise SpecError([problem]) from None
    return validate(document)


def read_document(text: str) -> Any:
    """The content of a JSON or YAML text.

    Valid JSON is read as JSON, because YAML accepts neither JSON's escapes of characters beyond U+FFFF nor all of its
    characters.

    Raises:
        yaml.YAMLError, ValueError, RecursionError, OverflowError: it is neither.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader


class _Loader(yaml.SafeLoader):
    """Joins surrogate pairs, JSON's escapes of characters beyond U+FFFF (``\\ud83d\\ude00``), which YAML does not."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        value = super().construct_scalar(node)
        if isinstance(value, str) and not value.isascii():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        return value


def explain(errors: Iterable[ErrorDetails], root: type[BaseModel] = JobSpec) -> list[SpecProblem]:
    """The first `MOST_PROBLEMS` of Pydantic's errors as sentences for people, with suggestions for mistyped names."""
    return [_shortened(_explain_one(error, root)) for error in islice(errors, MOST_PROBLEMS)]


def _shortened(problem: SpecProblem) -> SpecProblem:
    """Shorten a document's names and values, which may have any length, for a message."""
    return replace(
        problem, param=shorten(problem.param), message=shorten(problem.message, 4 * _MOST_CHARACTERS)
    )


def shorten(text: str, most: int = _MOST_CHARACTERS) -> str:
    """The text, with its middle left out if it has more than ``most`` characters."""
    if len(text) <= most:
        return text
    return f"{text[: most - 60]}… ({len(text):,} characters) …{text[-20:]}"


def _explain_one(error: ErrorDetails, root: type[BaseModel]) -> SpecProblem:
    location = [part for part in error["loc"] if not _is_union_tag(part, root, error["loc"])]
    param = ".".join(str(part) for part in location)
    kind, context = error["type"], error.get("ctx", {})
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        # Pydantic names the union; the invalid or missing field is the discriminator.
        tag = str(context.get("discriminator", "")).strip("'")
        param = f"{param}.{tag}" if param else tag
        if kind == "union_tag_not_found":
            message = f"name one of the variants by {tag!r}"
            return SpecProblem(param, "missing", message, params={"case": "variant", "field": tag})
    if kind == "extra_forbidden":
        return _unknown_field(param, error, root)
    if kind in {"literal_error", "union_tag_invalid"}:
        return _unknown_value(param, error)
    if kind == "string_unicode":
        return SpecProblem(param, kind, "it holds half of a surrogate pair and no character")
    if isinstance(fault := context.get("error"), SpecFault):
        return SpecProblem(fault.param or param, fault.code, fault.message, params=fault.params)
    message = error["msg"].removeprefix("Value error, ")
    params = plain({name: value for name, value in context.items() if name != "error"})
    if error["loc"] and error["loc"][-1] == GIVEN:
        message += ", or 'auto'"
        params["auto"] = True
    return SpecProblem(param, kind, message[:1].lower() + message[1:], params=params)


def _unknown_field(param: str, error: ErrorDetails, root: type[BaseModel]) -> SpecProblem:
    name = str(error["loc"][-1])
    near = _nearest(name, _field_names(root, list(error["loc"][:-1])))
    hint = f"; did you mean {near!r}?" if near else ""
    message = f"unknown field {shorten(name)!r}{hint}"
    return SpecProblem(param, "unknown_field", message, near, {"field": shorten(name), "nearest": near})


def _unknown_value(param: str, error: ErrorDetails) -> SpecProblem:
    context = error.get("ctx", {})
    expected = str(context.get("expected") or context.get("expected_tags", ""))
    choices = [part.strip().strip("'\"") for part in expected.replace(" or ", ", ").split(",")]
    value = context.get("tag", error["input"])
    near = _nearest(value, choices) if isinstance(value, str) else None
    hint = f"; did you mean {near!r}?" if near else ""
    reason = None
    if param == "task.kind" and any(fault.kind == value for fault in task_faults()):
        reason = why_missing(str(value))
        hint = f"; {reason.rstrip('.')}"
    given = shorten(repr(value))
    message = f"{given} is not one of {', '.join(choices)}{hint}"
    params = {"value": given, "choices": choices, "nearest": near, "reason": reason}
    return SpecProblem(param, "unknown_value", message, near, params)


def _nearest(name: str, choices: Iterable[str]) -> str | None:
    if len(name) > _LONGEST_NAME:
        return None
    close = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return close[0] if close else None


def _is_union_tag(part: str | int, root: type[BaseModel], location: tuple[str | int, ...]) -> bool:
    """Whether a level of the path is a discriminated union's tag, which Pydantic adds to the document's path."""
    index = location.index(part)
    if index == 0 or not isinstance(part, str):
        return False
    if part == GIVEN and index == len(location) - 1:
        return True
    parents = list(_models_at(root, list(location[:index])))
    if any(part in model.model_fields for model in parents):
        return False
    return index < len(location) - 1 and any(
        part == field.default for model in parents for field in model.model_fields.values()
    )


def _field_names(root: type[BaseModel], location: list[str | int]) -> list[str]:
    return [name for model in _models_at(root, location) for name in model.model_fields]


def _models_at(root: type[BaseModel], location: list[str | int]) -> Iterator[type[BaseModel]]:
    models = [root]
    for part in location:
        models = (
            [
                inner
                for model in models
                if part in model.model_fields
                for inner in _models_in(model.model_fields[str(part)].annotation)
            ]
            # No field: the discriminator's value, which selects one variant.
            or [model for model in models if any(part == f.default for f in model.model_fields.values())]
            or models
        )
    yield from models


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif typing.get_origin(annotation) in {typing.Union, types.UnionType, typing.Annotated}:
        for inner in typing.get_args(annotation):
            yield from _models_in(inner)
