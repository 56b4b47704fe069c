"""The document that programs and the dashboard are generated from."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from api.problem_types import TITLES


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """As the command prints it, which has no database to ask and no setting."""
    printed = subprocess.run(
        [sys.executable, "-m", "api.openapi"], capture_output=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    return dict(json.loads(printed.stdout))


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_is_named_described_and_protected(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names)) > 30
    for where, operation in operations(document):
        assert re.fullmatch("[a-z][A-Za-z]+", operation["operationId"]), where
        assert operation["description"], where
        assert len(operation["tags"]) == 1, where
        public = " /v1/" not in where or operation["operationId"] in {"signIn", "signOut"}
        assert public == ("security" not in operation), where


def test_every_error_is_a_problem_with_an_example_of_a_known_code(document: dict[str, Any]) -> None:
    for where, operation in operations(document):
        errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        if " /v1/" in where:
            assert {"500", "503"} <= set(errors), where
        for status, answer in errors.items():
            if where.startswith("head") or where.endswith("/readyz"):
                continue
            (media,) = answer["content"]
            assert media == "application/problem+json", where
            examples = answer["content"][media]["examples"]
            assert examples, where
            for code, example in examples.items():
                assert code in TITLES
                assert example["value"]["code"] == code
                assert str(example["value"]["status"]) == status


SENTENCES = {"message", "detail", "reason", "hint", "waiting_reason"}
WITHOUT_CODE = {
    ("FailureSummary", "message"): "the failure of a job in a list: the job itself has its details",
    ("FailureSummary", "hint"): "the same",
    ("KeyCreated", "hint"): "the first characters of a key",
    ("KeyOut", "hint"): "the first characters of a key",
    ("Measure", "hint"): "what a measure is: one for each name of a measure",
    ("MetricOut", "hint"): "what a metric is: one for each name of a metric",
    ("PredictionKindOut", "hint"): "what an input is: one for each kind",
}
"""Sentences whose schema has no code and parameters, and why."""


def test_every_sentence_has_a_code_and_parameters(document: dict[str, Any]) -> None:
    without = set()
    for name, schema in document["components"]["schemas"].items():
        fields = schema.get("properties", {})
        told = "code" in fields and ("params" in fields or "details" in fields)
        for field in SENTENCES & fields.keys():
            if not ("waiting" in fields if field == "waiting_reason" else told):
                without.add((name, field))
    assert without == WITHOUT_CODE.keys()


def test_every_reference_has_a_target(document: dict[str, Any]) -> None:
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert referred <= set(document["components"]["schemas"])
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert {"Problem", "JobIn", "JobOut"} <= referred
