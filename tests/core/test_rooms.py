"""Dependencies in the engine: tasks are found through the registry, and the service imports no torch."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.spec.architectures import ARCHITECTURES
from core.tasks import registry

ROOT = Path(__file__).parents[2]
OURS = {
    kind: spec.__name__
    for kind, spec in registry.specs().items()
    if spec.__module__ == f"core.tasks.{kind}.spec"
}
OUR_FOLDERS = tuple(f"core.tasks.{kind}." for kind in OURS)
HOMONYMS = {"core/augmentation": {"rotation"}, "core/formats/published": {"wav2vec2"}}
"""Strings that equal a task's kind and mean something else: a parameter of a view, a ``model_type`` of `transformers`."""
TORCH_FREE = (
    "core.spec",
    "core.formats",
    "core.tasks.registry",
    "core.checkpoints.manifest",
    "core.checkpoints.retention",
    "core.tracebacks",
    "core.characters",
    "core.parameters",
    *(f"core.tasks.{kind}.spec" for kind in OURS),
)
"""Modules of the engine that the service may import."""
HEAVY = {"torch", "transformers", "tokenizers", "safetensors", "accelerate"}


def files(*rooms: str) -> Iterator[Path]:
    for room in rooms:
        yield from sorted((ROOT / room).rglob("*.py"))


def task_free_files() -> list[str]:
    return [
        str(path.relative_to(ROOT))
        for path in files("core", "control", "api", "worker")
        if not path.is_relative_to(ROOT / "core" / "tasks")
    ]


def names_of_tasks(tree: ast.Module) -> Iterator[str]:
    """Lines of code that name one of our tasks: by its kind, its class or its folder."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value in OURS or node.value.startswith(OUR_FOLDERS):
                yield node.value
        elif isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in OURS.values():
                yield name
        else:
            yield from (name for name in imported(node) if f"{name}.".startswith(OUR_FOLDERS))


def imported(node: ast.AST) -> Iterator[str]:
    """The modules, or what of them, that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", task_free_files())
def test_no_file_outside_a_tasks_folder_names_the_task(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    allowed = {name for room, names in HOMONYMS.items() if file.startswith(f"{room}/") for name in names}
    if file.startswith("core/spec/architectures/"):
        allowed |= set(ARCHITECTURES) & {Path(file).stem}
    assert set(names_of_tasks(tree)) <= allowed


@pytest.mark.parametrize(
    "code",
    [
        "import core.tasks.gan.spec",
        "from core.tasks.gan import spec",
        "from core.tasks import gan",
        "from core.tasks.gan.objective import Gan",
        "if task.kind == 'gan': pass",
        "known = {'gan': 1}",
        "importlib.import_module('core.tasks.gan.spec')",
        "isinstance(task, specs.GenerativeAdversarialNetwork)",
        "match kind:\n    case 'gan': pass",
    ],
)
def test_the_name_of_a_task_is_found_in_every_spelling(code: str) -> None:
    assert list(names_of_tasks(ast.parse(code)))


def test_the_service_imports_only_the_allowed_modules_of_the_engine() -> None:
    found = {
        name
        for path in files("control", "api", "worker", "standalone")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in imported(node)
        if name.startswith("core.")
    }
    assert found
    beyond = {name for name in found if not f"{name}.".startswith(tuple(f"{free}." for free in TORCH_FREE))}
    # `from core.checkpoints import manifest` names the package too.
    assert {name for name in beyond if not any(free.startswith(f"{name}.") for free in TORCH_FREE)} == set()


def test_nothing_that_the_service_may_import_loads_torch() -> None:
    program = f"""
import importlib, pkgutil, sys
for name in {TORCH_FREE!r}:
    module = importlib.import_module(name)
    for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{{name}}."):
        importlib.import_module(found.name)
print(*sorted({HEAVY!r} & sys.modules.keys()))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
