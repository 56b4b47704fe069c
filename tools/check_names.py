"""Check that every file and module that the documentation names exists.

    python -m tools.check_names

Checked are all Markdown files, and the docstrings and comments of all Python files:

- a path below a top-level folder: in backticks (``core/spec/``; ``*``, ``<kind>`` and ``{a,b}`` stand for any name,
  any name, and each of them), or anywhere if it ends in a suffix of a source file;
- a dotted name of a module of this repository in backticks, and what it names inside the module
  (`tools.check_names.findings`);
- the module of ``python -m`` and the benchmark of ``./run bench``;
- the target of a relative link in Markdown, and its anchor.

Each finding is a line ``file:line: what``.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tools.check_words import ROOT, tracked

FOLDERS = (
    r"(?:core|control|api|worker|standalone|client|dashboard|deploy|migrations|tests|benchmarks|docs|tools)"
)
MADE = {"dashboard/dist", "dashboard/node_modules", "dashboard/dist/index.html"}
"""Paths that the repository does not hold: a build makes them."""
NO_MODULES = {"seedbed.tasks"}
"""Dotted names that look like a module's: an entry point group."""

_TICKED = re.compile(r"(?<!`)(`{1,2})([^`\n]+)\1(?!`)")
_PATH = re.compile(rf"{FOLDERS}/[\w./*<>{{}},-]*")
_SOURCE = re.compile(rf"(?<![\w./<>-]){FOLDERS}/[\w./-]+\.(?:md|py|toml|mjs|tsx?|css|yml|conf)\b")
_MODULE = re.compile(r"(?:core|control|api|worker|standalone|seedbed|benchmarks|tools|migrations)(?:\.\w+)+")
_RUN = re.compile(r"python3? (?:-[A-Z] )?-m ((?:\w+\.)*\w+)")
_BENCHMARK = re.compile(r"\./run bench ([a-z][a-z-]*)")
_PACKAGES = re.compile(r"core|control|api|worker|standalone|seedbed|benchmarks|tools|migrations")
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


def findings(tree: Tree, name: str, text: str) -> Iterator[str]:
    """A line for each path, module, benchmark and link in this file that does not exist."""
    for number, line in _markdown(text) if name.endswith(".md") else _python(text):
        problems = [*_missing_files(tree, line), *_missing_modules(tree, line)]
        if name.endswith(".md"):
            problems += _broken_links(tree, name, text, line)
        yield from (f"{name}:{number}: {problem}" for problem in problems)


def _missing_files(tree: Tree, line: str) -> Iterator[str]:
    named = [ticked for _, ticked in _TICKED.findall(line) if _PATH.fullmatch(ticked)]
    named += _SOURCE.findall(_TICKED.sub("", line))
    yield from (f"there is no file or folder {path}" for path in named if not tree.has(path))


def _missing_modules(tree: Tree, line: str) -> Iterator[str]:
    named = [ticked for _, ticked in _TICKED.findall(line) if _MODULE.fullmatch(ticked)]
    named += [module for module in _RUN.findall(line) if _PACKAGES.fullmatch(module.partition(".")[0])]
    for dotted in named:
        if dotted not in NO_MODULES and not tree.has_module(dotted):
            yield f"there is no module or member {dotted}"
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
    """What a class defines, attributes of ``self`` included; None where a base class may define more."""
    if statement.bases:
        return None
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
        if name.endswith((".md", ".py"))
        for line in findings(tree, name, content.decode())
    ]
    if found:
        print(*found, sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
