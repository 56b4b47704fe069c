"""What people may read has a code, and parameters from which the sentence can be said in another language."""

import ast
from collections import defaultdict
from textwrap import dedent

import pytest

from tools.list_codes import PAGE, page
from tools.messages import ROOT, Message, in_source, messages

EXCEPTIONS = {
    ("core/checkpoints/bundle.py", "self.advice"): "advice, one sentence for each task",
    ("core/formats/errors.py", "message"): "passed on with its parameters",
    ("control/predictions/errors.py", "detail"): "the worker's message, with its parameters",
    (
        "api/predictions.py",
        "detail",
    ): "which of two limits is reached: that of the worker or that of the project",
    ("core/objectives/predictions.py", "MASK"): "the text that stands for a gap, the same everywhere",
    ("core/formats/tables/columns.py", "what"): "given by the function that makes the error",
    ("core/spec/faults.py", "error"): "a plain ValueError of a package's task, which has no parameters",
    ("core/spec/problems.py", "error"): "passed on to functions that are looked at themselves",
    ("core/spec/problems.py", "tag"): "the discriminator's name, from Pydantic's error",
    ("api/parameters.py", "name"): "the name of the parameter itself",
    ("control/short_jobs/service.py", "kind.name"): "the name of the parameter itself",
    ("control/inspection/running.py", "what"): "the limit in words; `case` and `limit` say it",
    ("worker/supervisor.py", "self._failed_upload.what"): "`step` says it: null is what a short job made",
}
"""Interpolated values that are not among the parameters, and why."""


@pytest.fixture(scope="module")
def found() -> list[Message]:
    return list(messages())


def test_every_value_in_a_sentence_is_a_parameter(found: list[Message]) -> None:
    assert len(found) > 250
    used = {(one.where.partition(":")[0], leaf): one for one in found for leaf in one.missing}
    without = {f"{one.where}: {leaf}" for (path, leaf), one in used.items() if (path, leaf) not in EXCEPTIONS}
    assert not without, "give these as parameters beside the message"
    assert EXCEPTIONS.keys() <= used.keys(), "exceptions that are not needed any more"


def test_a_code_and_its_case_have_one_sentence(found: list[Message]) -> None:
    """Otherwise a program that knows the code and the parameters cannot tell which sentence to say."""
    sentences = defaultdict(set)
    for one in found:
        # Where parameters are passed on, the case may be among them.
        if one.code is not None and one.sentence is not None and one.names is not None:
            sentences[one.code, one.case].add(one.sentence)
    several = {f"{code} ({case})": texts for (code, case), texts in sentences.items() if len(texts) > 1}
    assert not several, "tell these apart by a parameter `case`"


def test_checks_of_specs_raise_errors_with_a_code() -> None:
    """A `ValueError` of a validator has no code and no parameters: `core.spec.faults.SpecFault` has."""
    checks = [*(ROOT / "core/spec").rglob("*.py"), *(ROOT / "core/tasks").glob("*/spec.py")]
    plain = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in checks
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") in {"ValueError", "PydanticCustomError"}
    }
    assert {where.partition(":")[0] for where in plain} == {"core/spec/training.py"}, plain


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ('raise NotFound("job_not_found", f"There is no job {job}.")', {"job"}),
        ('raise NotFound("job_not_found", f"There is no job {job}.", params={"job": job})', set()),
        ('raise NotFound("job_not_found", f"There is no job {job}.", params={"id": other})', {"job"}),
        ('raise EngineError("disk_full", "Full.", f"Free {out}.")', {"out"}),
        ('raise EngineError("disk_full", "Full.", f"Free {out}.", directory=out)', set()),
        ('raise DataError("data_unreadable", str(error))', {"error"}),
        ('raise DataError("data_unreadable", str(error), **error.facts)', set()),
        ('raise place.error("bad_csv", f"{len(row):,} fields")', {"row"}),
        ('raise place.error("bad_csv", f"{len(row):,} fields", fields=len(row))', set()),
        ('raise SpecFault("too_small", f"{a} and {b.c}", a=a)', {"b.c"}),
        ('events.warn("slow", f"{seconds:g} s")', {"seconds"}),
        ('log.warn("slow", f"{seconds:g} s")', set()),
        ('raise Invalid("x", "a" + f"{b}" if c else "d", params={"b": b})', {"c"}),
        (
            """
            def refuse(path):
                problem = f"{path} is missing"
                raise Invalid("x", problem)
            """,
            {"path"},
        ),
        (
            """
            def refuse(path):
                text = f"{path} is missing"
                raise Invalid("x", f"Failed: {text}.", params={"path": path})
            """,
            set(),
        ),
        (
            """
            class Low(SeedbedError):
                def __init__(self, free):
                    super().__init__("disk_low", f"{free} are free.")
            """,
            {"free"},
        ),
    ],
)
def test_missing_parameters_are_found(source: str, missing: set[str]) -> None:
    assert {leaf for one in in_source("x.py", ast.parse(dedent(source))) for leaf in one.missing} == missing


def test_the_manual_lists_every_code_with_its_parameters() -> None:
    assert PAGE.read_text() == page(), "run `python -m tools.list_codes` and commit docs/codes.md"
