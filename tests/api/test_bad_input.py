"""Every invalid request gets a problem document that names the error, stores nothing, and writes one line to the log."""

import base64
import gzip
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, func, select

from control.datasets.models import DatasetFile
from control.db import read, write
from control.lifecycle.models import Job
from tests.api.conftest import RequestLog, problem
from tests.factories import make_dataset, make_worker

JSON = {"Content-Type": "application/json"}


def _parquet_of_numbers() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2, 3]}), file)
    return file.getvalue()


def _nothing_stored(engine: Engine, tmp_path: Path) -> None:
    with read(engine) as session:
        assert session.scalar(select(func.count()).select_from(DatasetFile)) == 0
        assert session.scalar(select(func.count()).select_from(Job)) == 0
    assert [path for path in (tmp_path / "storage").rglob("*") if path.is_file()] == []


def _one_line(log: RequestLog, client: httpx.Client) -> None:
    """Check that one request has written one line since the last call."""
    lines = log.of(client)
    assert len(lines) == 1, lines
    assert lines[0]["level"] == "INFO"
    assert not lines[0]["traceback"]


FILES = {
    "nothing": ("a.txt", b"", "empty_file"),
    "only spaces": ("a.txt", b"   \n\n\t ", "no_documents"),
    "Latin-1": ("a.txt", "Grüße".encode("latin-1"), "not_utf8"),
    "cut-off gzip": ("a.txt.gz", gzip.compress(b"some text " * 1000)[:-20], "truncated_archive"),
    "no gzip": ("a.txt.gz", b"this is no gzip", "corrupt_archive"),
    "Parquet of numbers": ("a.parquet", _parquet_of_numbers(), "no_text_column"),
    "no Parquet": ("a.parquet", b"PAR1 not really", "bad_parquet"),
    "broken JSON Lines": ("a.jsonl", b'{"text": "fine"}\n{"text": broken}\n', "bad_json"),
    "no zip": ("a.zip", b"PK not really", "corrupt_archive"),
    "a program": ("a.exe", b"MZ", "unknown_format"),
    "no tokenizer": ("tokenizer.json", b"{}", "bad_tokenizer"),
}


def test_bad_files(
    client: httpx.Client,
    dataset_id: str,
    request_log: RequestLog,
    engine: Engine,
    tmp_path: Path,
    subtests: pytest.Subtests,
) -> None:
    for what, (name, body, code) in FILES.items():
        with subtests.test(what):
            answer = client.put(f"/v1/datasets/{dataset_id}/files/{name}", content=body)
            problem(answer, 422, code, "file")
            _nothing_stored(engine, tmp_path)
            _one_line(request_log, client)


FILE_NAMES = [
    "..%2Fa.txt",
    "%2e%2e/a.txt",
    "%2Fetc%2Fpasswd.txt",
    "a%2Fb.txt",
    "a%5Cb.txt",
    "a%00.txt",
    "a%0A.txt",
    "%7F.txt",
    ".hidden.txt",
    "%E2%80%AEtxt.a",
    "%FF.txt",
    "%20.txt",
    "a.txt%20",
    "x" * 252 + ".txt",
    "%F0%9F%8C%B1" * 63 + ".txt",
    "",
]


def test_bad_file_names(
    url: str,
    client: httpx.Client,
    dataset_id: str,
    request_log: RequestLog,
    engine: Engine,
    tmp_path: Path,
    subtests: pytest.Subtests,
) -> None:
    for name in FILE_NAMES:
        with subtests.test(name):
            # Sent as raw bytes, because httpx would normalise the path.
            request = client.build_request("PUT", url, content=b"text")
            request.url = httpx.URL(url).copy_with(
                raw_path=f"/v1/datasets/{dataset_id}/files/{name}".encode()
            )
            problem(client.send(request), 422, "invalid_file_name", "name")
            _nothing_stored(engine, tmp_path)
            _one_line(request_log, client)


DIGESTS = {
    f"sha-256=:{base64.b64encode(b'x' * 32).decode()}:": "digest_mismatch",
    "sha-256=:AAAA:": "invalid_digest",
    "sha-256=nonsense": "invalid_digest",
}


def test_wrong_digests_are_refused(
    client: httpx.Client,
    dataset_id: str,
    request_log: RequestLog,
    engine: Engine,
    tmp_path: Path,
    subtests: pytest.Subtests,
) -> None:
    for digest, code in DIGESTS.items():
        with subtests.test(digest):
            answer = client.put(
                f"/v1/datasets/{dataset_id}/files/a.txt", content=b"text", headers={"Content-Digest": digest}
            )
            problem(answer, 422, code, "Content-Digest")
            _nothing_stored(engine, tmp_path)
            _one_line(request_log, client)


def _spec(**training: Any) -> dict[str, Any]:
    return {
        "name": "x",
        "dataset": "ds_" + "0" * 26,
        "task": {"kind": "masked_lm"},
        "training": {"steps": 10} | training,
    }


SPECS: list[tuple[Any, str, str, str | None]] = [
    (_spec(steps=-1), "training.steps", "greater_than_equal", None),
    (_spec(batchsize=4), "training.batchsize", "unknown_field", "batch_size"),
    (_spec() | {"model": {"preset": "bert-minni"}}, "model.preset", "unknown_value", "bert-mini"),
    (_spec() | {"task": {"kind": "mask_lm"}}, "task.kind", "unknown_value", "masked_lm"),
    (_spec() | {"dataset": "nonsense"}, "dataset", "string_pattern_mismatch", None),
    ({"name": "x"}, "dataset", "missing", None),
    ([], "body", "model_attributes_type", None),
]


def test_bad_specs(
    client: httpx.Client,
    request_log: RequestLog,
    engine: Engine,
    tmp_path: Path,
    subtests: pytest.Subtests,
) -> None:
    for spec, param, code, suggestion in SPECS:
        with subtests.test(f"{param} {code}"):
            body = problem(client.post("/v1/jobs", json=spec), 422, "validation_failed", param)
            first = body["errors"][0]
            assert (first["param"], first["code"], first["suggestion"]) == (param, code, suggestion)
            _nothing_stored(engine, tmp_path)
            _one_line(request_log, client)


NO_JSON = {
    "unfinished": b"{",
    "NaN": b'{"name": NaN}',
    "infinite": b'{"name": Infinity}',
    "minus infinite": b'{"name": -Infinity}',
    "no UTF-8": b'{"name": "\xff"}',
    "NUL": b'{"name": "a\\u0000b"}',
    "half a surrogate pair": b'{"name": "\\ud800"}',
    "5,000 digits": b'{"name": ' + b"1" * 5000 + b"}",
    "bottomless": b"[" * 100_000,
}


def test_invalid_json_is_refused(
    client: httpx.Client, request_log: RequestLog, subtests: pytest.Subtests
) -> None:
    for what, body in NO_JSON.items():
        with subtests.test(what):
            problem(client.post("/v1/datasets", content=body, headers=JSON), 400, "invalid_json")
            _one_line(request_log, client)


def test_a_body_that_is_not_json_is_refused(client: httpx.Client) -> None:
    problem(client.post("/v1/datasets"), 422, "validation_failed", "body")


def test_json_of_another_type_is_refused(client: httpx.Client) -> None:
    answer = client.post(
        "/v1/datasets", content=json.dumps({"name": "x"}), headers={"Content-Type": "text/plain"}
    )
    problem(answer, 422, "validation_failed", "body")


def test_a_json_body_too_large(client: httpx.Client, request_log: RequestLog) -> None:
    problem(client.post("/v1/datasets", json={"name": "x" * 2**21}), 413, "body_too_large")
    _one_line(request_log, client)


def test_a_job_on_a_missing_dataset_is_refused(
    client: httpx.Client, stranger: httpx.Client, engine: Engine, request_log: RequestLog, dataset_id: str
) -> None:
    problem(client.post("/v1/jobs", json=_spec()), 404, "dataset_not_found", "dataset")
    theirs = stranger.post("/v1/datasets", json={"name": "x"}).json()["id"]
    problem(client.post("/v1/jobs", json=_spec() | {"dataset": theirs}), 404, "dataset_not_found", "dataset")
    problem(
        client.post("/v1/jobs", json=_spec() | {"dataset": dataset_id}), 409, "dataset_not_ready", "dataset"
    )
    assert not any(line["traceback"] for line in request_log.of(client))


def test_too_little_text_for_one_batch(client: httpx.Client, dataset_id: str) -> None:
    client.put(f"/v1/datasets/{dataset_id}/files/a.jsonl", content=b'{"text": "a"}\n{"text": "b"}\n')
    client.post(f"/v1/datasets/{dataset_id}/complete")
    answer = client.post("/v1/jobs", json=_spec() | {"dataset": dataset_id})
    problem(answer, 422, "dataset_too_small", "dataset")


def test_a_spec_that_fits_no_worker(client: httpx.Client, engine: Engine, project_id: str) -> None:
    with write(engine) as session:
        make_worker(session, memory_gib=1)
        dataset = make_dataset(session, project_id, characters=10**9)
    huge = {"layers": 48, "hidden_size": 4096, "heads": 32}
    answer = client.post("/v1/jobs", json=_spec() | {"dataset": dataset, "model": huge})
    assert answer.json()["param"] in {"model", "training.batch_size"}
    problem(answer, 422, "spec_exceeds_memory", answer.json()["param"])


NOT_THERE = [
    ("/v1/datasets/ds_00000000000000000000000000", "dataset_not_found", "dataset"),
    ("/v1/datasets/nonsense", "dataset_not_found", "dataset"),
    ("/v1/datasets/%00", "dataset_not_found", "dataset"),
    ("/v1/jobs/job_00000000000000000000000000", "job_not_found", None),
    ("/v1/jobs/job_00000000000000000000000000/stream", "job_not_found", None),
    ("/v1/checkpoints/ckpt_00000000000000000000000000", "checkpoint_not_found", None),
    ("/v1/nothing", "route_not_found", None),
    ("/nothing", "route_not_found", None),
    ("/v1/datasets/", "route_not_found", None),
]


def test_missing_resources_are_not_found(client: httpx.Client, subtests: pytest.Subtests) -> None:
    for path, code, param in NOT_THERE:
        with subtests.test(path):
            problem(client.get(path), 404, code, param)


def test_a_method_that_the_route_does_not_take(client: httpx.Client) -> None:
    answer = client.patch("/v1/datasets")
    problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) >= {"POST"}


QUERIES = {
    "limit=0": "limit",
    "limit=201": "limit",
    "limit=x": "limit",
    "state=sleeping": "state.0",
    "name=%00": "name",
}


def test_bad_queries(client: httpx.Client, subtests: pytest.Subtests) -> None:
    for query, param in QUERIES.items():
        with subtests.test(query):
            problem(client.get(f"/v1/jobs?{query}"), 422, "validation_failed", param)


def test_the_request_id_of_the_client_is_used_if_it_sends_one(client: httpx.Client) -> None:
    assert client.get("/v1/jobs", headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"
    forged = client.get("/v1/jobs", headers={"X-Request-Id": "a b"}).headers["x-request-id"]
    assert forged.startswith("req_")
