"""Every string of every request with characters from all of Unicode: stored unchanged, or refused with the reason.

The fields come from the OpenAPI document, so that a new one is tried too.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from control.db import write
from control.jobs import service as jobs
from tests.factories import make_running

Schema = Mapping[str, Any]

EDGES = (
    *(
        "\N{GRINNING FACE}",
        "\N{GRINNING FACE}col",
        "e\u0301",
        "\u00e9",
        "\u200c\u200d",
        "a\u202fb",
        "\u2067x\u2069",
        "\u202egpj",
    ),
    *(
        "\0",
        "a\0b",
        "\x1b[2J",
        "\x7f",
        "\x85",
        "\u2028",
        "\u2029",
        "\ufeff",
        "\ue000",
        "\ufffe",
        "\U0010ffff",
        "\ufffd",
    ),
    *("\ud800", "\udc00a", "\ud83d", "%", "%00", "../..", "{}", "'; --", "\\u0000", " ", ""),
    *("x" * 255, "x" * 256, "\N{GRINNING FACE}" * 255, "x" * 100_000),
)
TEXTS = st.sampled_from(EDGES) | st.text(st.characters(codec=None, exclude_categories=()), max_size=12)


@dataclass(frozen=True)
class Field:
    """One string of one operation."""

    operation: str
    method: str
    path: str
    place: str
    """``query``, ``path``, ``header`` or ``body``."""
    name: tuple[str, ...]
    body: Any = None
    """A body that is valid but for this field."""


class Document:
    """The OpenAPI document and its string fields."""

    def __init__(self, document: Schema, dataset: str) -> None:
        self._document = document
        self._dataset = dataset

    def fields(self) -> Iterator[Field]:
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                if method == "get" and operation["operationId"].startswith("stream"):
                    continue  # its stream does not end
                for parameter in operation.get("parameters", ()):
                    if list(self._strings(parameter["schema"], ())):
                        yield Field(
                            operation["operationId"], method, path, parameter["in"], (parameter["name"],)
                        )
                content = operation.get("requestBody", {}).get("content", {})
                if "application/json" in content:
                    schema = content["application/json"]["schema"]
                    for name in dict.fromkeys(self._strings(schema, ())):
                        body = self.example(schema)
                        yield Field(operation["operationId"], method, path, "body", name, body)

    def resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            schema = self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def _strings(self, schema: Schema, name: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        schema = self.resolved(schema)
        for variant in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
            yield from self._strings(variant, name)
        if schema.get("type") == "string" or "enum" in schema or "const" in schema:
            yield name
        for key, inner in schema.get("properties", {}).items():
            yield from self._strings(inner, (*name, key))
        if "items" in schema:
            yield from self._strings(schema["items"], name)

    def example(self, schema: Schema) -> Any:
        """The smallest value that the schema allows."""
        schema = self.resolved(schema)
        if "const" in schema or "default" in schema or "enum" in schema:
            return schema.get("const", schema.get("default", [*schema.get("enum", ()), None][0]))
        if "anyOf" in schema or "oneOf" in schema:
            return self.example([*schema.get("anyOf", ()), *schema.get("oneOf", ())][0])
        if "properties" in schema:
            told = [name for name, inner in schema["properties"].items() if "const" in inner]
            needed = dict.fromkeys([*told, *schema.get("required", ())])
            return {name: self.example(schema["properties"][name]) for name in needed}
        plain = {
            "string": self._dataset if "ds_" in schema.get("pattern", "") else "text",
            "integer": schema.get("minimum", 1),
            "number": schema.get("minimum", 1),
            "array": [],
            "object": {},
            "boolean": False,
        }
        return plain.get(schema.get("type", ""))


def _with(body: Any, name: tuple[str, ...], text: str) -> Any:
    if not name:
        return text
    inner = body if isinstance(body, dict) else {}
    return {**inner, name[0]: _with(inner.get(name[0]), name[1:], text)}


def _at(body: Any, name: tuple[str, ...]) -> Any:
    for part in name:
        body = body.get(part) if isinstance(body, dict) else None
    return body


def _percent(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def _send(client: httpx.Client, field: Field, text: str) -> httpx.Response:
    path, query, headers = field.path, "", {}
    if field.place != "body":
        text = text[:1000]
    if field.place == "path":
        path = path.replace("{" + field.name[0] + "}", _percent(text) or "%20")
    if field.place == "query":
        query = f"?{_percent(field.name[0])}={_percent(text)}"
    if field.place == "header":
        headers[field.name[0]] = text.encode("latin-1", "replace").decode("latin-1")
        headers = {name: "".join(c for c in value if c.isprintable()) for name, value in headers.items()}
    content = b""
    if field.place == "body":
        headers["Content-Type"] = "application/json"
        content = json.dumps(_with(field.body, field.name, text)).encode()
    raw = {name.encode(): value.strip().encode("latin-1") for name, value in headers.items()}
    return client.request(field.method, path + query, content=content, headers=list(raw.items()))


@pytest.fixture
def fields(client: httpx.Client, dataset_id: str) -> list[Field]:
    return list(Document(client.get("/openapi.json").json(), dataset_id).fields())


def _judge(answer: httpx.Response, field: Field, text: str) -> None:
    assert answer.status_code < 500, (field, text, answer.text)
    if answer.status_code >= 400:
        refusal = answer.json() if answer.content else {"detail": "a HEAD's"}
        assert refusal["detail"]
        assert len(answer.content) < 20_000
    elif field.place == "body" and "json" in answer.headers["content-type"]:
        told = _at(answer.json(), field.name)
        if isinstance(told, str) and field.name[-1:] == ("name",):
            assert told == text


def test_every_place_has_a_tested_field(fields: list[Field]) -> None:
    assert {field.place for field in fields} == {"query", "path", "header", "body"}
    assert ("name",) in {field.name for field in fields if field.operation == "submitJob"}
    assert ("data", "text_column") in {field.name for field in fields if field.operation == "submitJob"}


def test_names_may_have_characters_from_all_of_unicode(client: httpx.Client, fields: list[Field]) -> None:
    for field in fields:
        if field.name[-1] in {"name", "text_column", "keep_best", "group_pattern", "cursor", "search"}:
            for text in EDGES:
                _judge(_send(client, field, text), field, text)


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_every_string_is_stored_unchanged_or_refused(
    client: httpx.Client, fields: list[Field], data: st.DataObject
) -> None:
    field = data.draw(st.sampled_from(fields))
    text = data.draw(TEXTS)
    _judge(_send(client, field, text), field, text)


def test_a_name_is_unchanged_from_the_request_to_the_response(client: httpx.Client) -> None:
    for name in (
        "\N{GRINNING FACE}",
        "e\u0301",
        "\u00e9",
        "a\u202fb",
        "\u0645\u06cc\u200c\u062e",
        "\u202eabc",
        "\ue000",
        "x" * 255,
    ):
        made = client.post("/v1/datasets", json={"name": name}).json()
        assert made["name"] == name
        assert client.get(f"/v1/datasets/{made['id']}").json()["name"] == name
        assert name in {one["name"] for one in client.get("/v1/datasets").json()["data"]}


def test_the_name_of_a_file_is_unchanged_from_the_upload_to_the_download(
    client: httpx.Client, dataset_id: str
) -> None:
    names = [
        "Screenshot 9.41.00\u202fAM.txt",
        "\u0645\u06cc\u200c\u062e.txt",
        "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}.txt",
        "e\u0301.txt",
        "\u00e9.txt",
    ]
    for name in names:
        answer = client.put(f"/v1/datasets/{dataset_id}/files/{quote(name)}", content=name.encode() * 10)
        assert (answer.status_code, answer.json()["name"]) == (201, name)
    listed = client.get(f"/v1/datasets/{dataset_id}").json()["file_list"]
    assert sorted(file["name"] for file in listed) == sorted(names)


def test_a_query_that_is_no_text_is_refused(client: httpx.Client) -> None:
    answer = client.get("/v1/jobs?name=%ff")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b'{"\\u0000text": "a text of some length"}\n'),
        ("a.csv", b'"te\0xt",n\n' + b"some texts,1\n" * 51),
        ("a.jsonl", json.dumps({"x" * 300: "a text"}).encode()),
    ],
)
def test_a_column_whose_name_cannot_be_stored_is_refused(
    client: httpx.Client, dataset_id: str, name: str, content: bytes
) -> None:
    answer = client.put(f"/v1/datasets/{dataset_id}/files/{name}", content=content)
    assert answer.status_code == 422, answer.text
    assert "cannot be stored" in answer.json()["detail"]


def test_lists_of_jobs_contain_no_specs(client: httpx.Client, engine: Engine, project_id: str) -> None:
    with write(engine) as session:
        job, claim = make_running(session, project_id=project_id)
        jobs.finish(
            session, job.id, claim.attempt, jobs.Failed("x", "It broke.", details={"ids": ["y" * 99] * 99})
        )
    whole = client.get(f"/v1/jobs/{job.id}").json()
    (listed,) = client.get("/v1/jobs").json()["data"]
    assert listed["task"] == whole["spec"]["task"]["kind"]
    assert listed["preset"] == whole["spec"]["model"]["preset"]
    assert listed["failure"] == {"code": "x", "message": "It broke.", "hint": None}
    assert whole["failure"]["details"]["ids"]
    alike = whole.keys() - {"spec", "failure", "distillation"}
    assert {name: listed[name] for name in alike} == {name: whole[name] for name in alike}
    assert listed.keys() == alike | {"task", "preset", "failure"}


def test_lists_of_datasets_contain_no_classes(client: httpx.Client, dataset_id: str) -> None:
    client.put(f"/v1/datasets/{dataset_id}/files/a.txt", content=b"some text")
    client.post(f"/v1/datasets/{dataset_id}/complete")
    (one,) = client.get("/v1/datasets").json()["data"]
    assert not {"classes", "bad_samples", "names"} & one["statistics"].keys()
