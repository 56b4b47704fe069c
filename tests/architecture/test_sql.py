"""SQL is only in the ``repository.py`` of each package."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATEMENTS = {"execute", "scalars", "scalar", "query", "get", "get_one"}
"""Methods of a session, or of a connection, that send a statement."""
ELSEWHERE = {
    "control/db.py": "the clock and the settings of the connection itself",
    "control/migrate.py": "an advisory lock beside the migrations",
    "control/paging.py": "runs the query that a repository made",
    "control/maintenance/leader_election.py": "an advisory lock that lives as long as its own connection",
    "api/readiness.py": "asks whether the database answers at all",
}


def _statements(tree: ast.AST) -> Iterator[int]:
    """Lines that send a statement by a session or a connection."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in STATEMENTS
        ):
            owner = node.func.value
            name = getattr(owner, "id", getattr(owner, "attr", ""))
            if name in {"session", "_session", "connection", "_connection"}:
                yield node.lineno


@pytest.mark.parametrize("text", ["session.execute(x)", "self._session.scalar(x)", "connection.execute(x)"])
def test_statements_are_found(text: str) -> None:
    assert list(_statements(ast.parse(text))) == [1]


def test_sql_stands_in_repositories() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for room in ("control", "api", "worker")
        for path in sorted((ROOT / room).rglob("*.py"))
        if path.name != "repository.py" and (lines := list(_statements(ast.parse(path.read_text()))))
    }
    assert {path: lines for path, lines in found.items() if path not in ELSEWHERE} == {}
    assert found.keys() == ELSEWHERE.keys(), "an exception that is no longer one"
