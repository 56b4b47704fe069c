"""Import rules beyond the contracts in pyproject.toml: the packages of a room have no import cycle, direct or indirect."""

from collections.abc import Iterable

import grimp
import pytest

ROOMS = ("core", "control", "api", "worker", "standalone")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*ROOMS, cache_dir=None)


def cycles(imports: Iterable[tuple[str, str]]) -> set[tuple[str, ...]]:
    """The strongly connected components with more than one name."""
    needs: dict[str, set[str]] = {}
    for importer, imported in imports:
        needs.setdefault(importer, set()).add(imported)
    reached = {name: _reached(name, needs) for name in needs}
    return {
        tuple(sorted(other for other in reached[name] if name in reached.get(other, ())))
        for name in needs
        if name in reached[name]
    }


def _reached(start: str, needs: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    left = [start]
    while left:
        for name in needs.get(left.pop(), set()) - found:
            found.add(name)
            left.append(name)
    return found


def between_packages(graph: grimp.ImportGraph, room: str) -> set[tuple[str, str]]:
    """The imports between the direct children of a room: its packages, each as a whole, and its own modules."""
    depth = room.count(".") + 2
    found = set()
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            if importer.startswith(f"{room}.") and imported.startswith(f"{room}."):
                pair = tuple(".".join(name.split(".")[:depth]) for name in (importer, imported))
                if pair[0] != pair[1]:
                    found.add((pair[0], pair[1]))
    return found


def test_cycles_are_found() -> None:
    assert cycles([("a", "b"), ("b", "c"), ("c", "d")]) == set()
    assert cycles([("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]) == {("a", "b", "c")}
    assert cycles([("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")]) == {("a", "b"), ("c", "d")}


def test_there_is_no_cycle_of_modules(graph: grimp.ImportGraph) -> None:
    """Imports within functions count as well."""
    imports = [
        (importer, imported)
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    ]
    assert cycles(imports) == set()


@pytest.mark.parametrize("room", ["control", "api", "worker", "standalone", "control.jobs"])
def test_there_is_no_cycle_of_packages(graph: grimp.ImportGraph, room: str) -> None:
    imports = between_packages(graph, room)
    assert imports, f"{room} has packages that import one another"
    assert cycles(imports) == set()
