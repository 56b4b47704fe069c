"""The lists of mutations: each mutation can be made, gives a valid program, and names existing tests."""

import ast
from pathlib import Path

import pytest
from pydantic import ValidationError

from benchmarks.mutations.lists import Mutation, StaleError, read

ROOT = Path(__file__).parents[2]
MUTATIONS = list(read())


@pytest.mark.parametrize(
    "mutation", [pytest.param(m, id=f"{path.stem}-{i}") for i, (path, m) in enumerate(MUTATIONS)]
)
def test_a_mutation_can_be_made(mutation: Mutation) -> None:
    text = mutation.apply(ROOT)
    if mutation.file.endswith(".py"):
        ast.parse(text)
    named = [argument for argument in mutation.tests if argument.startswith("tests/")]
    assert named, "name the tests"
    for argument in named:
        file, *names = argument.partition("[")[0].split("::")
        assert (ROOT / file).exists(), file
        if names:
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            defined = {
                node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)
            }
            assert set(names) <= defined, argument


def test_no_mutation_is_listed_twice() -> None:
    places = [(mutation.file, mutation.old, mutation.new) for _, mutation in MUTATIONS]
    assert len(places) == len(set(places))


@pytest.mark.parametrize("content", ["one\n", "twice twice\n"], ids=["absent", "twice"])
def test_a_text_that_does_not_occur_exactly_once_is_stale(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.py").write_text(content)
    with pytest.raises(StaleError, match="not once"):
        _mutation(file="a.py").apply(tmp_path)
    with pytest.raises(StaleError, match="no file"):
        _mutation(file="b.py").apply(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"new": "twice"}, {"file": "../a.py"}, {"file": "/a.py"}, {"tests": []}, {"why": ""}, {"spelled": 1}],
    ids=str,
)
def test_an_invalid_mutation_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        _mutation(**change)


def _mutation(**change: object) -> Mutation:
    entry = {"file": "a.py", "old": "twice", "new": "", "why": "tried", "tests": ["tests/a.py"], **change}
    return Mutation.model_validate(entry)
