"""Job files: errors that are reported without a request."""

from pathlib import Path

import pytest
import seedbed
from seedbed import specs


def test_a_file_is_read_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text("name: 'on'\ntraining: {steps: 100, gradient_clip: null}\n")
    assert specs.read(path) == {"name": "on", "training": {"steps": 100, "gradient_clip": None}}
    assert specs.read(path, "ds_1")["dataset"] == "ds_1"


def test_a_mapping_is_not_changed() -> None:
    spec = {"name": "a"}
    assert specs.read(spec, "ds_1") == {"name": "a", "dataset": "ds_1"}
    assert spec == {"name": "a"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [1, 2", "line 1"),
        ("name: a\ntask: {}\nname: b\n", r"line 3, column 1: the key 'name' comes twice"),
        ("a:\n  - {b: 1, b: 2}\n", r"line 2, column 12: the key 'b' comes twice"),
        ("", "is empty"),
        ("just words", "is a str"),
        ("training:\n  learning_rate: .nan\n", r"training\.learning_rate is nan"),
        ("name: 2026-01-01\n", "reads name as a date"),
        ("1: a\n", "the key 1 at the top is not a string"),
        ("a: [{yes: 1}]\n", r"the key True in a\.0 is not a string"),
        ("a: &x 1\nb: !!python/object:os.system 1\n", "could not determine a constructor"),
        ("\tname: a", "line 1"),
    ],
)
def test_an_invalid_spec_is_refused_with_the_line(text: str, said: str) -> None:
    with pytest.raises(seedbed.InvalidFile, match=said) as caught:
        specs.parse(text, "job.yaml")
    assert "job.yaml" in caught.value.detail


def test_files_that_cannot_be_read_are_reported(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path, said in (
        (tmp_path / "none", "No such file"),
        (tmp_path / "binary", "not a text file"),
        (tmp_path, "a directory"),
    ):
        with pytest.raises(seedbed.InvalidFile, match=said):
            specs.read(path)


def test_the_line_of_a_field_is_found() -> None:
    found = specs.lines("name: a\ntraining:\n  steps: 1\n  list:\n    - {x: 1}\n    - 2\n")
    assert found == {
        "name": 1,
        "training": 2,
        "training.steps": 3,
        "training.list": 4,
        "training.list.0": 5,
        "training.list.0.x": 5,
        "training.list.1": 6,
    }


def test_assignments_change_the_named_fields() -> None:
    spec = {"training": {"steps": 1, "seed": 0}}
    specs.assign(
        spec, ["training.steps=2000", "model.preset=bert-tiny", "training.gradient_clip=", "name=a=b"]
    )
    assert spec == {
        "training": {"steps": 2000, "seed": 0, "gradient_clip": None},
        "model": {"preset": "bert-tiny"},
        "name": "a=b",
    }


def test_a_start_is_merged_into_the_specs_own() -> None:
    spec = {"name": "job", "start": {"checkpoint": "one", "scope": "encoder"}}
    assert specs.read(spec, start="two")["start"] == {"checkpoint": "two", "scope": "encoder"}
    assert specs.read(spec, scope="all")["start"] == {"checkpoint": "one", "scope": "all"}
    assert spec["start"] == {"checkpoint": "one", "scope": "encoder"}, "the mapping is the caller's"
    written_out = {"name": "job", "start": None}
    assert specs.read(written_out, start="two")["start"] == {"checkpoint": "two"}
    specs.assign(written_out, ["start.checkpoint=two"])
    assert written_out["start"] == {"checkpoint": "two"}
    assert "start" not in specs.read({"name": "job"})
    with pytest.raises(seedbed.InvalidFile, match="start is 'one'"):
        specs.read({"start": "one"}, scope="encoder")


@pytest.mark.parametrize(
    "assignment",
    ["training.steps", "=1", "training..steps=1", "name.first=1", "a=[1", "a=.inf", "a={b: 1, b: 2}"],
)
def test_an_invalid_assignment_is_refused(assignment: str) -> None:
    with pytest.raises(seedbed.InvalidFile):
        specs.assign({"name": "job"}, [assignment])
