"""List the benchmarks, each with the first line of its docstring."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def benchmarks() -> Iterator[tuple[str, str]]:
    """Name and first docstring line of each module of ``benchmarks`` that can be run."""
    folder = ROOT / "benchmarks"
    for path in sorted([*folder.glob("*.py"), *folder.glob("*/__main__.py")]):
        module = path.parent if path.name == "__main__.py" else path
        source = path.read_text()
        if module.name.startswith("_") or "__main__" not in f"{path.name} {source}":
            continue
        docstring = ast.get_docstring(ast.parse(source)) or ""
        yield module.stem.replace("_", "-"), docstring.partition("\n")[0]


if __name__ == "__main__":
    for name, summary in benchmarks():
        print(f"{name:16} {summary}")
