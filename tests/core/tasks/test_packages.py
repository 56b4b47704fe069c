"""Installed packages whose tasks cannot be used: each is reported with the reason, and the other tasks are usable."""

import itertools
import logging
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from core.spec.tasks import tasks_by_kind
from core.tasks import registry
from core.tasks.packages import Fault

_NUMBER = itertools.count()
OURS = list(tasks_by_kind())

SPEC = """
from typing import ClassVar, Literal

from core.spec.metrics import LOSS, Metric
from core.spec.task import Modality, TaskSpec

class Toy(TaskSpec):
    "A toy."
    title: ClassVar[str] = "Toy"
    choose_if: ClassVar[str] = "Choose this if you play."
    modality: ClassVar[Modality] = "image"
    presets: ClassVar[tuple[str, ...]] = ("resnet-mini",)
    kind: Literal["toy"] = "toy"
"""

Install = Callable[..., str]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Writes a package with one task as pip would install it, and returns its module's name."""

    def write(
        package: str = "toys",
        kind: str = "toy",
        spec: str = SPEC,
        value: str = "spec:Toy",
        entries: str | None = None,
    ) -> str:
        module = f"toys_{next(_NUMBER)}"
        site = tmp_path / module
        (site / module).mkdir(parents=True)
        for name, content in {"__init__": "", "spec": textwrap.dedent(spec), "objective": ""}.items():
            (site / module / f"{name}.py").write_text(content)
        metadata = site / f"{package.replace('-', '_')}-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
        lines = f"[seedbed.tasks]\n{entries or f'{kind} = {module}.{value}'}\n"
        (metadata / "entry_points.txt").write_text(lines)
        monkeypatch.syspath_prepend(str(site))
        return module

    return write


def _look() -> tuple[list[str], Sequence[Fault]]:
    found = registry._found.__wrapped__()
    return list(found.specs), found.faults


def test_a_task_of_a_package_is_listed_after_the_built_in_tasks(install: Install) -> None:
    install()
    kinds, faults = _look()
    assert kinds == [*OURS, "toy"]
    assert faults == ()


CASES = {
    "an error on import": ({"spec": "import no_such_module"}, "No module named 'no_such_module'"),
    "a syntax error": ({"spec": "class"}, "SyntaxError"),
    "an exit on import": ({"spec": "raise SystemExit('bye')"}, "SystemExit: bye"),
    "no such class": ({"value": "spec:Other"}, "has no attribute 'Other'"),
    "no such module": ({"value": "elsewhere:Toy"}, "No module named"),
    "no class": ({"spec": "Toy = 1"}, "no subclass of core.spec.task.TaskSpec"),
    "another class": ({"spec": "class Toy: pass"}, "no subclass of core.spec.task.TaskSpec"),
    "another kind": ({"spec": SPEC.replace('"toy"', '"other"')}, "kind: Literal['toy'] = 'toy'"),
    "no kind": ({"spec": SPEC.replace('kind: Literal["toy"] = "toy"', "")}, "kind: Literal['toy'] = 'toy'"),
    "a kind without default": ({"spec": SPEC.replace('] = "toy"', "]")}, "kind: Literal['toy'] = 'toy'"),
    "a kind that is no name": ({"kind": "Toy Task"}, "lower case letters"),
    "a kind of ours": (
        {"kind": "masked_lm", "spec": SPEC.replace('"toy"', '"masked_lm"')},
        "Seedbed itself has a task 'masked_lm'",
    ),
    "no title": (
        {"spec": SPEC.replace("    title: ClassVar[str] = ", "    other: ClassVar[str] = ")},
        "`title",
    ),
    "nothing to choose it by": ({"spec": SPEC.replace("Choose this if you play.", " ")}, "`choose_if"),
    "a modality that there is not": ({"spec": SPEC.replace('"image"', '"smell"')}, "text, image, audio"),
    "a network that there is not": ({"spec": SPEC.replace("resnet-mini", "resnet-maxi")}, "`presets`"),
    "networks in one string": ({"spec": SPEC.replace('("resnet-mini",)', '"resnet-mini"')}, "`presets`"),
    "a metric that is read the other way elsewhere": (
        {
            "spec": SPEC
            + '    metrics: ClassVar[tuple[Metric, ...]] = (LOSS, Metric("perplexity", "P", better="higher"))\n'
        },
        "eval/perplexity",
    ),
    "no metrics": (
        {"spec": SPEC + '    metrics: ClassVar[tuple[Metric, ...]] = ("loss",)\n'},
        "core.spec.metrics.Metric",
    ),
    "a main field that there is not": (
        {"spec": SPEC + '    main_fields: ClassVar[tuple[str, ...]] = ("size",)\n'},
        "`main_fields` name size",
    ),
    "a field without a schema": (
        {
            "spec": "from collections.abc import Callable\n"
            + SPEC
            + "    call: Callable[[], int] | None = None\n"
        },
        "no JSON schema",
    ),
    "a line that is no entry": ({"entries": "toy"}, ""),
}


@pytest.mark.parametrize("case", CASES)
def test_a_broken_task_is_named_and_does_not_affect_the_others(case: str, install: Install) -> None:
    changes, said = CASES[case]
    install(package="Broken.Toys", **changes)
    install(package="zz-good", kind="good", spec=SPEC.replace('"toy"', '"good"'))
    kinds, faults = _look()
    assert kinds == [*OURS, "good"]
    (fault,) = faults
    assert fault.package == "broken-toys"
    assert said in fault.reason
    assert "broken-toys" in str(fault)


def test_a_package_without_an_objective_provides_no_task(install: Install, tmp_path: Path) -> None:
    module = install()
    (tmp_path / module / module / "objective.py").unlink()
    kinds, faults = _look()
    assert kinds == OURS
    assert f"no module {module}.objective" in faults[0].reason


def test_of_two_packages_with_one_kind_the_first_by_name_is_used(install: Install) -> None:
    install(package="b-toys")
    install(package="a-toys")
    install(package="c-toys")
    found = registry._found.__wrapped__()
    assert found.packages == {"toy": "a-toys"}
    assert [fault.package for fault in found.faults] == ["b-toys", "c-toys"]
    assert all("a-toys already provides a task 'toy'" in fault.reason for fault in found.faults)


def test_a_second_copy_later_on_the_path_is_ignored(install: Install) -> None:
    install(spec="import no_such_module")
    module = install()
    found = registry._found.__wrapped__()
    assert found.faults == ()
    assert found.specs["toy"].__module__ == f"{module}.spec"


def test_entry_points_of_other_groups_are_ignored(
    install: Install, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    module = install()
    (next((tmp_path / module).glob("*.dist-info")) / "entry_points.txt").write_text(
        "[console_scripts]\nbroken\n"
    )
    with caplog.at_level(logging.WARNING):
        assert _look() == (OURS, ())
