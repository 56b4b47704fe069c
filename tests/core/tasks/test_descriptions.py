"""The descriptions of tasks in their specs, which dashboard, command line and benchmarks use."""

import json
from pathlib import Path

import pytest

from core.spec.job import JobSpec
from core.spec.metrics import REPRESENTATION, RUN, Metric, higher_is_better
from core.spec.problems import validate
from core.spec.task import TaskSpec
from core.spec.tasks import tasks_by_kind

_ROOT = Path(__file__).resolve().parents[3]
TASKS = tasks_by_kind()
ROOM = 4
"""Number of summary figures at the top of a job's page."""


@pytest.fixture(params=TASKS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def task(kind: str) -> type[TaskSpec]:
    return TASKS[kind]


def test_each_task_has_a_title_and_a_reason_to_choose_it(task: type[TaskSpec]) -> None:
    assert task.title
    assert task.choose_if.startswith("Choose this if ")
    assert task.choose_if.endswith(".")
    assert len(task.choose_if) < 300


def test_its_recipes_are_jobs(kind: str, task: type[TaskSpec]) -> None:
    adapted = ["frozen", "lora"] if task.needs_labels else []
    assert [recipe.name for recipe in task.recipes] == ["smoke", "mini", *adapted, "base"]
    for recipe in task.recipes:
        document = json.loads(json.dumps({"name": recipe.title, **recipe.spec(kind)}))
        assert document["task"]["kind"] == kind
        assert isinstance(validate(document), JobSpec)
        assert recipe.description


def test_the_reference_of_a_metric_is_another_metric_of_the_task(task: type[TaskSpec]) -> None:
    names = {metric.name for metric in task.metrics}
    assert all(metric.level in names for metric in task.metrics if metric.level)


def test_each_task_has_summary_figures(task: type[TaskSpec]) -> None:
    (loss,) = (metric for metric in task.metrics if metric.group == "loss")
    tiles = [metric.tile for metric in task.metrics if metric.tile]
    assert len(loss.areas) + len(tiles) >= ROOM
    assert len(set(tiles)) == len(tiles)


def test_no_series_is_described_twice(task: type[TaskSpec]) -> None:
    series = [name for metric in task.all_metrics() for name in metric.series]
    assert len(set(series)) == len(series)


def test_a_name_means_the_same_everywhere() -> None:
    meanings: dict[str, Metric] = {}
    for task in TASKS.values():
        for metric in (*task.metrics, *REPRESENTATION, *RUN):
            known = meanings.setdefault(metric.name, metric)
            assert (known.title, known.better, known.hint) == (metric.title, metric.better, metric.hint)


def test_metrics_for_judging_a_checkpoint_are_those_with_a_direction(task: type[TaskSpec]) -> None:
    assert task.evaluations == {
        one.name: one.better for one in task.metrics if one.better and "eval" in one.areas
    }
    for name, better in task.evaluations.items():
        for series in (f"eval/{name}", f"eval/ema_{name}"):
            assert higher_is_better(series) == (better == "higher")


def test_only_fields_of_its_modality_are_listed(kind: str, task: type[TaskSpec]) -> None:
    fields = task.fields()
    assert {f"task.{name}" for name in task.main_fields} <= set(fields)
    sections = {"text": "data.tokenizer", "image": "data.image", "audio": "data.audio"}
    assert [modality for modality, path in sections.items() if path in fields] == [task.modality]


def test_each_task_has_a_page_in_the_docs(kind: str) -> None:
    assert (_ROOT / "docs" / "tasks" / f"{kind}.md").is_file()
