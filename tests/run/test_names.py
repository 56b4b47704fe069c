"""Files, modules and links that documentation names: those that do not exist are found."""

from pathlib import Path

import pytest

from tools.check_names import Tree, findings, main

FILES = {
    "core/__init__.py": "",
    "core/loop.py": (
        '"""The loop."""\n'
        "from core.steps import step\n"
        "LIMIT = 3\n"
        "class Loop:\n    rounds: int = 0\n    def __init__(self):\n        self.hooks = []\n    def run(self): ...\n"
        "class Endless(Loop): ...\n"
        "if LIMIT:\n    def late(): ...\n"
    ),
    "benchmarks/service_tax.py": "",
    "core/steps.py": "def step(): ...\n",
    "core/tasks/masked_lm/spec.py": "",
    "core/tasks/gan/spec.py": "",
    "client/seedbed/__init__.py": "from seedbed.client import Client\n",
    "client/seedbed/client.py": "class Client: ...\n",
    "docs/page.md": "# A page\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return Tree(tmp_path, set(FILES))


@pytest.mark.parametrize(
    "named",
    [
        "`core/loop.py`",
        "``core/loop.py``",
        "`core/`",
        "`core/tasks`",
        "`core/tasks/*/spec.py`",
        "`core/tasks/<kind>/spec.py`",
        "`core/{loop,steps}.py`",
        "see core/loop.py.",
        "`dashboard/dist`",
        "`core.loop`",
        "`core.tasks`",
        "`core.loop.LIMIT`",
        "`core.loop.step`",
        "`core.loop.Loop.run`",
        "`core.loop.Loop.rounds`",
        "`core.loop.Loop.hooks`",
        "`core.loop.Endless.run`",
        "`core.loop.late`",
        "`Loop.run`",
        "`Endless.hooks`",
        "`Unknown.run`",
        "`python -m core.loop --fresh`",
        "python -m pytest",
        "`python -m core run`",
        "`./run bench service-tax --rounds 3`",
        "`seedbed.client`",
        "`seedbed.Client`",
        "`seedbed.tasks`",
        "`scores/loop.py`",
        "`data.image.size`",
        "`step-N/trainer/state.json`",
        "`core.loop` and `core/loop.py`",
    ],
)
def test_existing_names_pass(tree: Tree, named: str):
    assert list(findings(tree, "docs/other.md", named)) == []
    assert list(findings(tree, "core/other.py", f'"""{named}"""\n')) == []


@pytest.mark.parametrize(
    "named",
    [
        "`core/lop.py`",
        "``core/lop.py``",
        "`core/loops/`",
        "`core/tasks/*/objective.py`",
        "`core/tasks/<kind>/objective.py`",
        "`core/{loop,stops}.py`",
        "see core/lop.py.",
        "`core.lop`",
        "`core.loop.LIMITS`",
        "`core.loop.Loop.stop`",
        "`core.loop.Loops.run`",
        "`Loop.stop`",
        "`Endless.stop`",
        "`seedbed.server`",
        "`python -m core.lop`",
        "`./run bench tax`",
    ],
)
def test_a_missing_name_is_found_with_its_line(tree: Tree, named: str):
    (found,) = findings(tree, "docs/other.md", f"First.\n\nSecond: {named}\n")
    assert found.startswith("docs/other.md:3: there is no ")
    (found,) = findings(tree, "core/other.py", f'"""First.\n\nSecond: {named}\n"""\n')
    assert found.startswith("core/other.py:3: there is no ")
    (found,) = findings(tree, "core/other.py", f"x = 1\n# {named}\n")
    assert found.startswith("core/other.py:2: there is no ")
    (found,) = findings(tree, "core/other.py", f'x = 1\n"""{named}"""\n')
    assert found.startswith("core/other.py:2: there is no ")


def test_code_is_not_documentation(tree: Tree):
    assert list(findings(tree, "core/other.py", "x = '`core/lop.py`'\n")) == []
    assert list(findings(tree, "docs/other.md", "```\n`core/lop.py`\n```\n")) == []


@pytest.mark.parametrize("name", ["core/other.py", "dashboard/src/a.ts", "run", "Dockerfile"])
def test_pages_are_checked_in_code_too(tree: Tree, name: str):
    assert list(findings(tree, name, "say('see docs/page.md')\n")) == []
    (found,) = findings(tree, name, "x = 1\nsay('see docs/pages.md')\n")
    assert found == f"{name}:2: there is no file or folder docs/pages.md"
    assert list(findings(tree, "tests/test_other.py", "say('see docs/pages.md')\n")) == []


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("[a](architecture.md)", ""),
        ("[a](../core/)", ""),
        ("[a](https://example.org/page.md#x)", ""),
        ("[a](architecture.md#a-checkpoint-exists-nowhere)", "leads to no heading"),
        ("[a](nowhere.md)", "leads to no file"),
        ("[a](../core/nothing.py)", "leads to no file"),
        ("[a](#here-it-is)", ""),
        ("[a](#here-it-is-not)", "leads to no heading"),
    ],
)
def test_links_have_existing_targets(link: str, problem: str):
    tree = Tree(Path(), {"docs/architecture.md", "core/loop.py"})
    found = list(findings(tree, "docs/other.md", f"# Here, it is\n\n{link}\n"))
    assert [problem in line for line in found] == ([True] if problem else [])


def test_the_repository_contains_only_existing_names(capsys: pytest.CaptureFixture[str]):
    status = main()
    assert (status, capsys.readouterr().out) == (0, "")
