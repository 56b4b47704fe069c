"""Text in specs with characters from all of Unicode: it is read from a file unchanged, or refused with the reason."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.spec.problems import SpecError, load, validate

ANY = st.text(st.characters(codec=None, exclude_categories=()), min_size=1, max_size=20)


def document(**changes: Any) -> dict[str, Any]:
    return {
        "name": "a name",
        "task": {"kind": "masked_lm"},
        "training": {"steps": 5},
    } | changes


def accepted(changed: dict[str, Any]) -> bool:
    try:
        validate(changed)
    except SpecError as error:
        str(error).encode()
        return False
    return True


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spec") / "spec.json"


@given(name=ANY, column=ANY)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_spec_s_text_goes_through_its_file(path: Path, name: str, column: str, *, ascii_only: bool) -> None:
    changed = document(name=name, data={"text_column": column})
    if not accepted(changed):
        return
    path.write_text(json.dumps(changed, ensure_ascii=ascii_only), encoding="utf-8")
    read = load(path)
    assert (read.name, read.data.text_column) == (name, column)


@pytest.mark.parametrize(
    "name", ["\N{GRINNING FACE}", "\N{GRINNING FACE}col", "e\u0301", "\u2067a", "\ue000", "\U000f0000"]
)
def test_ordinary_text_is_accepted(path: Path, name: str) -> None:
    assert validate(document(name=name, data={"text_column": name})).name == name
    path.write_text(json.dumps(document(name=name)))
    assert load(path).name == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\0", "U+0000"),
        ("a\n", "U+000A"),
        ("\x85", "U+0085"),
        ("a\u2028", "U+2028"),
        ("\ud800", "surrogate"),
        ("x" * 256, "255"),
        ("", "at least 1"),
    ],
)
def test_the_error_gives_the_reason(name: str, reason: str) -> None:
    with pytest.raises(SpecError) as caught:
        validate(document(name=name))
    (problem,) = caught.value.problems
    assert problem.param == "name"
    assert reason in problem.message


def test_surrogate_pairs_of_json_in_yaml_are_combined(path: Path) -> None:
    path.write_text('name: "\\ud83d\\ude00"\ntask: {kind: masked_lm}\ntraining: {steps: 5}\n')
    assert load(path).name == "\N{GRINNING FACE}"


@pytest.mark.parametrize(
    "text",
    [
        'name: "\\ud83d"\n',
        "name: 2001-99-99\n",
        "a: " + "[" * 3000,
        "{" * 100_000,
        '{"a": ' * 100_000,
        "name: \ufffe\n",
        "[" + "9" * 10_000 + "]",
    ],
)
def test_values_that_are_no_text_are_refused(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError):
        load(path)


def test_other_yaml_syntax_is_read_as_usual(path: Path) -> None:
    path.write_text(yaml.safe_dump(document()), encoding="utf-8-sig")
    assert load(path).name == "a name"
