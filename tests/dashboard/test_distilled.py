"""A student's page has its measures beside those of its teacher and of the same student without a teacher."""

from typing import Any

import pytest

from tests.dashboard.conftest import Running, Scenario
from tests.worker.conftest import eventually

pytestmark = pytest.mark.browser

STEPS = {"steps": 4, "checkpoint_every": 4, "evaluate_every": 4}


@pytest.fixture(scope="module")
def students(service: Running, dataset: str) -> dict[str, dict[str, Any]]:
    """Jobs that have succeeded: a teacher of two blocks, a student of one, and the same one by itself."""
    training = {"batch_size": 4, "sequence_length": 32, "log_every": 1, **STEPS}

    def trained(name: str, layers: int, **changes: Any) -> dict[str, Any]:
        spec = {
            "name": name,
            "dataset": dataset,
            "task": {"kind": "masked_lm"},
            "model": {"layers": layers, "hidden_size": 32, "heads": 2},
            "training": training,
            **changes,
        }
        with service.client() as client:
            path = f"/v1/jobs/{client.post('/v1/jobs', json=spec).raise_for_status().json()['id']}"
            eventually(lambda: client.get(path).json()["state"] == "succeeded", f"the end of {name}")
            return dict(client.get(path).json())

    teacher = trained("teacher", 2, data={"tokenizer": {"vocabulary_size": 600}})
    with service.client() as client:
        (checkpoint,) = client.get(f"/v1/jobs/{teacher['id']}/checkpoints").json()["data"]
    alone = trained("alone", 1, start={"checkpoint": checkpoint["id"], "scope": "tokenizer"})
    student = trained("student", 1, distillation={"teacher": checkpoint["id"]})
    return {"teacher": teacher, "student": student, "alone": alone}


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (375, "dark")])
def test_a_student_beside_its_teacher_and_alone(
    scenario: Scenario,
    students: dict[str, dict[str, Any]],
    width: int,
    theme: str,
) -> None:
    job, teacher = students["student"]["id"], students["teacher"]["id"]
    found = scenario("distilled", width=width, theme=theme, job=job, teacher=teacher)
    order = ("teacher", "student", "alone")
    facts = students["student"]["distillation"]
    counts = [facts["teacher_parameters"], facts["parameters"], facts["parameters"]]
    shown = {name: cells for name, *cells in found["cells"]}
    assert found["heads"] == ["Teacher", "Student", "Alone"]
    assert shown["Parameters"] == [f"{count:,}" for count in counts]
    for title, measure in (("Perplexity", "eval/perplexity"), ("Bits per byte", "eval/bits_per_byte")):
        values = [students[name]["latest"][measure] for name in order]
        assert [float(text) for text in shown[title]] == pytest.approx(values, rel=1e-3), title
    assert f"{facts['size_ratio']:.0%} of the teacher" in found["remarks"]
    assert "times as fast" in found["remarks"]
