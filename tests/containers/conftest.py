"""The Dockerfile and the compose file, read as their programs read them."""

import functools
import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Instruction:
    """One instruction, its continuation lines joined, its flags (``--mount=…``) apart."""

    name: str
    flags: tuple[str, ...]
    arguments: str

    def words(self) -> list[str]:
        """The arguments: those of the JSON form, else as a shell splits them."""
        return json.loads(self.arguments) if self.arguments.startswith("[") else shlex.split(self.arguments)

    def pairs(self) -> dict[str, str]:
        """The variables that ``ENV`` and ``ARG`` set."""
        return {name: value for name, _, value in (word.partition("=") for word in self.words())}

    def flag(self, name: str) -> str | None:
        return next((flag.partition("=")[2] for flag in self.flags if flag.startswith(f"--{name}=")), None)


@dataclass
class Stage:
    """From one ``FROM`` to the next."""

    name: str
    base: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [instruction for instruction in self.instructions if instruction.name == name]

    def last(self, name: str) -> Instruction:
        return self.all(name)[-1]


def read_dockerfile(text: str) -> dict[str, Stage]:
    """The stages by name; the last one is ``""``. What stands before the first ``FROM`` is ``args``."""
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", "", text)
    stages = {"args": Stage("args", "")}
    stage = stages["args"]
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, rest = line.partition(" ")
        flags = []
        while rest.startswith("--"):
            flag, _, rest = rest.partition(" ")
            flags.append(flag)
            rest = rest.lstrip()
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            stage = stages[alias] = Stage(alias, base)
        else:
            stage.instructions.append(Instruction(name, tuple(flags), rest))
    return stages


def interpolate(value: Any, env: Mapping[str, str]) -> Any:
    """A compose file's values with ``${NAME}``, ``${NAME:-default}`` and ``${NAME:?message}`` replaced.

    Raises:
        KeyError: a variable that must be set is not.
    """
    if isinstance(value, dict):
        return {key: interpolate(entry, env) for key, entry in value.items()}
    if isinstance(value, list):
        return [interpolate(entry, env) for entry in value]
    if not isinstance(value, str):
        return value

    def replaced(match: re.Match[str]) -> str:
        name, kind, text = match["name"], match["kind"], match["text"]
        if found := env.get(name):
            return found
        if kind == ":-":
            return str(text)
        raise KeyError(f"{name}: {text}")

    return VARIABLE.sub(replaced, value).replace("$$", "$")


VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<kind>:-|:\?)(?P<text>[^}]*))?\}")


@pytest.fixture(scope="session")
def dockerfile() -> dict[str, Stage]:
    return read_dockerfile((ROOT / "Dockerfile").read_text())


@pytest.fixture(scope="session")
def compose_text() -> str:
    return (ROOT / "docker-compose.yml").read_text()


@pytest.fixture(scope="session")
def secrets() -> dict[str, str]:
    """Secrets as in a filled-in ``.env``."""
    return {name: os.urandom(32).hex() for name in example() if example()[name] == ""}


@pytest.fixture(scope="session")
def compose(compose_text: str, secrets: dict[str, str]) -> dict[str, Any]:
    """The compose file as the engine sees it, with the secrets of a filled-in ``.env``."""
    return interpolate(yaml.safe_load(compose_text), secrets)


@functools.cache
def example() -> dict[str, str | None]:
    """Every variable of ``.env.example``; None for one in a comment."""
    found: dict[str, str | None] = {}
    for line in (ROOT / ".env.example").read_text().splitlines():
        if match := re.fullmatch(r"(#?)([A-Z_]+)=(.*)", line):
            found[match[2]] = None if match[1] else match[3]
    return found
