"""Check that every file, module and link that the documentation names exists.

    python -m tools.check_names

In Markdown files, and in the docstrings and comments of Python files, these names are checked:

- a path below a top-level folder: in backticks (``core/spec/``; ``*`` and ``<kind>`` stand for any name, ``{a,b}`` for
  each of the names), or anywhere if it has the suffix of a source file;
- the dotted name of a module of this repository in backticks, and the members that follow it
  (`tools.check_names.findings`);
- a member of a class of this repository in backticks (`Tree.has_member`);
- the module of ``python -m`` and the benchmark of ``./run bench``;
- the target of a relative link in Markdown, and its anchor.

In all other text files, and in the code of Python files outside ``tests``, pages of ``docs`` are checked. Each finding is
a line ``file:line: what``.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tools.check_words import ROOT, tracked

FOLDERS = (
    r"(?:core|control|api|worker|standalone|client|dashboard|deploy|migrations|tests|benchmarks|docs|tools)"
)
MADE = {"dashboard/dist", "dashboard/node_modules", "dashboard/dist/index.html"}
"""Paths that the repository does not hold: a build makes them."""
NO_MODULES = {"seedbed.tasks", "seedbed.job"}
"""Dotted names that look like a module's: an entry point group, a tag of MLflow's runs."""

_TICKED = re.compile(r"(?<!`)(`{1,2})([^`\n]+)\1(?!`)")
_PATH = re.compile(rf"{FOLDERS}/[\w./*<>{{}},-]*")
_SOURCE = re.compile(rf"(?<![\w./<>-]){FOLDERS}/[\w./-]+\.(?:md|py|toml|mjs|tsx?|css|yml|conf)\b")
_MODULE = re.compile(r"(?:core|control|api|worker|standalone|seedbed|benchmarks|tools|migrations)(?:\.\w+)+")
_MEMBER = re.compile(r"([A-Z]\w+)\.(\w+)")
_RUN = re.compile(r"python3? (?:-[A-Z] )?-m ((?:\w+\.)*\w+)")
_BENCHMARK = re.compile(r"\./run bench ([a-z][a-z0-9-]*)")
_PACKAGES = re.compile(r"core|control|api|worker|standalone|seedbed|benchmarks|tools|migrations")
_PAGE = re.compile(r"(?<![\w./<>-])docs/[\w/-]+\.md\b")
_LINK = re.compile(r"\]\((?!\w+:)([^)\s#]*)(?:#([^)\s]+))?\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1[^\S\n]*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+[^\S\n]+(.+)$", re.MULTILINE)


class Tree:
    """The names in a tree of files.

    Args:
        root: The folder.
        names: Paths of its files, relative to it.
    """

    def __init__(self, root: Path, names: set[str]) -> None:
        self._root = root
        self._names = names | {str(parent) for name in names for parent in Path(name).parents}
        self._members = cache(self._read_members)
        self._classes: dict[str, list[_Class]] | None = None

    def has(self, path: str) -> bool:
        """Whether a path names a file or folder of the tree; it may contain ``*``, ``<name>`` and ``{a,b}``."""
        if braces := re.search(r"\{([^{}]*)\}", path):
            choices = braces[1].split(",")
            return all(self.has(path[: braces.start()] + choice + path[braces.end() :]) for choice in choices)
        path = path.rstrip("/.")
        pattern = re.escape(re.sub(r"<\w+>", "*", path)).replace(r"\*", "[^/]*")
        return path in MADE or any(re.fullmatch(pattern, name) for name in self._names)

    def has_module(self, dotted: str) -> bool:
        """Whether a dotted name is a module of the tree, or something that a module or a class in it defines."""
        parts = dotted.split(".")
        folder = ["client", *parts] if parts[0] == "seedbed" else parts
        if "/".join(folder) in self._names:
            return True
        extra = len(folder) - len(parts)
        for length in range(len(folder), extra, -1):
            path = "/".join(folder[:length])
            for file in (f"{path}.py", f"{path}/__init__.py"):
                if file in self._names:
                    return self._defines(file, folder[length:])
        return False

    def has_member(self, owner: str, member: str) -> bool:
        """Whether a class of the tree (outside ``tests``) has a member, or no class of that name is in the tree."""
        if self._classes is None:
            self._classes = {}
            for file in self._names:
                if file.endswith(".py") and not file.startswith("tests/"):
                    for one in _classes((self._root / file).read_text(encoding="utf-8")):
                        self._classes.setdefault(one.name, []).append(one)
        return owner not in self._classes or self._inherits(owner, member, frozenset())

    def _inherits(self, owner: str, member: str, seen: frozenset[str]) -> bool:
        found = (self._classes or {}).get(owner, [])
        return any(
            member in one.members
            or any(base not in seen and self._inherits(base, member, seen | {owner}) for base in one.bases)
            for one in found
        )

    def _defines(self, file: str, names: list[str]) -> bool:
        if not names:
            return True
        members = self._members(file)
        if names[0] not in members:
            return False
        inside = members[names[0]]
        # None: what it holds is not written in this file (an import, a value, a class with a base).
        return inside is None or len(names) == 1 or names[1] in inside

    def _read_members(self, file: str) -> dict[str, set[str] | None]:
        body = ast.parse((self._root / file).read_text(encoding="utf-8")).body
        return {
            name: _class_members(statement) if isinstance(statement, ast.ClassDef) else None
            for statement in _flat(body)
            for name in _bound(statement)
        }


class _Class(NamedTuple):
    name: str
    members: set[str]
    bases: list[str]


def _classes(text: str) -> Iterator[_Class]:
    """The classes of a Python file, nested ones included."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            bases = [ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases]
            yield _Class(node.name, _own_members(node), bases)


def findings(tree: Tree, name: str, text: str) -> Iterator[str]:
    """A line for each path, module, benchmark and link in this file that does not exist."""
    found: set[tuple[int, str]] = set()
    if name.endswith((".md", ".py")):
        for number, line in _markdown(text) if name.endswith(".md") else _python(text):
            problems = [*_missing_files(tree, line), *_missing_modules(tree, line)]
            if name.endswith(".md"):
                problems += _broken_links(tree, name, text, line)
            found.update((number, problem) for problem in problems)
    if not name.startswith("tests/") and not name.endswith(".md"):
        for number, line in enumerate(text.splitlines(), 1):
            found.update((number, _missing(path)) for path in _PAGE.findall(line) if not tree.has(path))
    yield from (f"{name}:{number}: {problem}" for number, problem in sorted(found))


def _missing(path: str) -> str:
    return f"there is no file or folder {path}"


def _missing_files(tree: Tree, line: str) -> Iterator[str]:
    named = [ticked for _, ticked in _TICKED.findall(line) if _PATH.fullmatch(ticked)]
    named += _SOURCE.findall(_TICKED.sub("", line))
    yield from (_missing(path) for path in named if not tree.has(path))


def _missing_modules(tree: Tree, line: str) -> Iterator[str]:
    named = [ticked for _, ticked in _TICKED.findall(line) if _MODULE.fullmatch(ticked)]
    named += [module for module in _RUN.findall(line) if _PACKAGES.fullmatch(module.partition(".")[0])]
    for dotted in named:
        if dotted not in NO_MODULES and not tree.has_module(dotted):
            yield f"there is no module or member {dotted}"
    for _, ticked in _TICKED.findall(line):
        if (found := _MEMBER.fullmatch(ticked)) and not tree.has_member(found[1], found[2]):
            yield f"there is no member {ticked}"
    for benchmark in _BENCHMARK.findall(line):
        if not tree.has_module(f"benchmarks.{benchmark.replace('-', '_')}"):
            yield f"there is no benchmark {benchmark}"


def _broken_links(tree: Tree, name: str, text: str, line: str) -> Iterator[str]:
    for target, anchor in _LINK.findall(line):
        file = ROOT / Path(name).parent / target if target else ROOT / name
        path = str(file.resolve().relative_to(ROOT)) if file.resolve().is_relative_to(ROOT) else str(file)
        if target and not tree.has(path):
            yield f"the link leads to no file: {target}"
        elif anchor and path.endswith(".md"):
            page = file.read_text(encoding="utf-8") if target else text
            if anchor not in {_anchor(heading) for heading in _HEADING.findall(_FENCE.sub("", page))}:
                yield f"the link leads to no heading: {target}#{anchor}"


def _anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _markdown(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; those of code blocks are empty."""
    blanked = _FENCE.sub(lambda block: "\n" * block[0].count("\n"), text)
    yield from enumerate(blanked.splitlines(), 1)


def _python(text: str) -> Iterator[tuple[int, str]]:
    """Lines of docstrings (of attributes, too) and comments, with their numbers."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(docstring))):
                yield from enumerate(docstring.splitlines(), node.lineno)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements, those inside ``if``, ``try`` and ``with`` included."""
    for statement in body:
        yield statement
        for block in ("body", "orelse", "handlers", "finalbody"):
            if isinstance(statement, ast.If | ast.Try | ast.With):
                for inner in getattr(statement, block, []):
                    yield from _flat(inner.body if isinstance(inner, ast.ExceptHandler) else [inner])


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement binds."""
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in names)
        case _:
            for node in ast.walk(statement):
                if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
                    yield node.id if isinstance(node, ast.Name) else node.attr


def _class_members(statement: ast.ClassDef) -> set[str] | None:
    """What a class defines; None if a base class may define more."""
    return None if statement.bases else _own_members(statement)


def _own_members(statement: ast.ClassDef) -> set[str]:
    """What a class itself defines, attributes of ``self`` included."""
    names = {name for inner in statement.body for name in _bound(inner)}
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
    return names


def main() -> int:
    """1 if anything was found."""
    files = dict(tracked())
    tree = Tree(ROOT, set(files))
    found = [
        line
        for name, content in sorted(files.items())
        if b"\0" not in content
        for line in findings(tree, name, content.decode(errors="replace"))
    ]
    if found:
        print(*found, sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
