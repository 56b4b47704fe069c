"""Datasets over HTTP, from the first file to the deletion."""

import hashlib
import io
import zipfile
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from control.db import write
from tests.api.conftest import problem
from tests.factories import make_job

TEXT = b"The first document.\n\n\n\nThe second one.\n"


def blobs(tmp_path: Path) -> list[str]:
    """Everything in storage."""
    return sorted(path.name for path in (tmp_path / "storage").rglob("*") if path.is_file())


def test_a_dataset_is_opened_filled_completed_and_previewed(client: httpx.Client) -> None:
    opened = client.post("/v1/datasets", json={"name": "Bücher"})
    assert opened.status_code == 201
    dataset = opened.json()
    assert (dataset["state"], dataset["files"], dataset["file_list"]) == ("open", 0, [])
    path = f"/v1/datasets/{dataset['id']}"

    first = client.put(f"{path}/files/b.txt", content=TEXT)
    assert first.status_code == 201
    assert first.json()["sha256"] == hashlib.sha256(TEXT).hexdigest()
    assert first.json()["bytes"] == len(TEXT)
    rows = b'{"text": "eins"}\n{"text": "zwei"}\n{"text": "drei"}\n'
    assert client.put(f"{path}/files/a.jsonl", content=rows).json()["documents"] == 3

    ready = client.post(f"{path}/complete").json()
    assert (ready["state"], ready["files"], ready["bytes"]) == ("ready", 2, len(TEXT) + len(rows))
    assert [file["name"] for file in ready["file_list"]] == ["a.jsonl", "b.txt"]
    assert ready["documents"] == sum(file["documents"] for file in ready["file_list"])
    histogram = ready["statistics"]["length_histogram"]
    assert sum(bucket["documents"] for bucket in histogram) == ready["documents"]
    assert all(bucket["from"] <= bucket["to"] for bucket in histogram)
    assert [entry["script"] for entry in ready["statistics"]["scripts"]] == ["Latin"]
    assert ready["statistics"]["scripts"][0]["letters"] == sum(map(str.isalpha, TEXT.decode())) + 12
    assert ready["statistics"]["repeats"] == 0
    assert client.post(f"{path}/complete").json() == ready
    assert client.get(path).json() == ready
    assert [entry["id"] for entry in client.get("/v1/datasets").json()["data"]] == [dataset["id"]]

    shown = client.get(f"{path}/preview", params={"documents": 3, "characters": 2}).json()["documents"]
    assert [(document["file"], document["index"], document["text"]) for document in shown] == [
        ("a.jsonl", 0, "ei"),
        ("a.jsonl", 1, "zw"),
        ("b.txt", 0, "Th"),
    ]
    assert shown[0]["characters"] == 4


def test_statistics_add_up_over_files(client: httpx.Client) -> None:
    path = "/v1/datasets/" + client.post("/v1/datasets", json={"name": "x"}).json()["id"]
    rows = '{"text": "да"}\n{"text": "one"}\n{"text": "one"}\n'.encode()
    for name, content in (("a.jsonl", rows), ("b.jsonl", rows), ("c.txt", "да да да да".encode())):
        client.put(f"{path}/files/{name}", content=content)
    statistics = client.get(path).json()["statistics"]
    assert statistics["scripts"] == [
        {"script": "Cyrillic", "letters": 12},
        {"script": "Latin", "letters": 12},
    ]
    # One within the first file, and all of the second, which is the first once more.
    assert statistics["repeats"] == 1 + 3
    assert client.post(f"{path}/complete").json()["statistics"] == statistics


def test_the_digest_of_a_dataset_depends_on_its_files_alone(client: httpx.Client) -> None:
    def complete(names: list[str]) -> str:
        dataset = client.post("/v1/datasets", json={"name": "x"}).json()["id"]
        for name in names:
            client.put(f"/v1/datasets/{dataset}/files/{name}", content=TEXT + name.encode())
        return str(client.post(f"/v1/datasets/{dataset}/complete").json()["sha256"])

    assert complete(["a.txt", "b.txt"]) == complete(["b.txt", "a.txt"]) != complete(["a.txt"])


def test_a_file_replaces_one_of_the_same_name(client: httpx.Client, dataset_id: str, tmp_path: Path) -> None:
    path = f"/v1/datasets/{dataset_id}/files/a.txt"
    assert client.put(path, content=TEXT).status_code == 201
    again = client.put(path, content=b"something else")
    assert (again.status_code, again.json()["bytes"]) == (200, 14)
    assert blobs(tmp_path) == [hashlib.sha256(b"something else").hexdigest()]
    assert client.delete(path).status_code == 204
    assert blobs(tmp_path) == []
    problem(client.delete(path), 404, "file_not_found", "name")


def test_a_complete_dataset_never_changes(client: httpx.Client, dataset_id: str) -> None:
    path = f"/v1/datasets/{dataset_id}"
    client.put(f"{path}/files/a.txt", content=TEXT)
    client.post(f"{path}/complete")
    problem(client.put(f"{path}/files/b.txt", content=TEXT), 409, "dataset_not_open", "dataset")
    problem(client.delete(f"{path}/files/a.txt"), 409, "dataset_not_open", "dataset")


def test_a_dataset_without_text_is_not_completed(client: httpx.Client, dataset_id: str) -> None:
    problem(client.post(f"/v1/datasets/{dataset_id}/complete"), 409, "dataset_empty", "dataset")


def test_bytes_are_removed_with_the_last_file_that_has_them(
    client: httpx.Client, stranger: httpx.Client, tmp_path: Path
) -> None:
    datasets = [
        (owner, owner.post("/v1/datasets", json={"name": "x"}).json()["id"])
        for owner in (client, client, stranger)
    ]
    for owner, dataset in datasets:
        owner.put(f"/v1/datasets/{dataset}/files/a.txt", content=TEXT)
    digest = hashlib.sha256(TEXT).hexdigest()
    assert blobs(tmp_path) == [digest, digest]  # one a project

    def delete(number: int) -> None:
        owner, dataset = datasets[number]
        assert owner.delete(f"/v1/datasets/{dataset}").status_code == 204
        problem(owner.get(f"/v1/datasets/{dataset}"), 404, "dataset_not_found", "dataset")

    delete(0)
    assert blobs(tmp_path) == [digest, digest]
    delete(1)
    assert blobs(tmp_path) == [digest]
    delete(2)
    assert blobs(tmp_path) == []


def test_a_dataset_in_use_is_not_deleted(
    client: httpx.Client, engine: Engine, project_id: str, dataset_id: str
) -> None:
    client.put(f"/v1/datasets/{dataset_id}/files/a.txt", content=TEXT * 1000)
    client.post(f"/v1/datasets/{dataset_id}/complete")
    with write(engine) as session:
        job_id = make_job(session, project_id, dataset=dataset_id).id
    refused = problem(client.delete(f"/v1/datasets/{dataset_id}"), 409, "dataset_in_use", "dataset")
    assert job_id in refused["detail"]
    client.post(f"/v1/jobs/{job_id}/cancel")
    assert client.delete(f"/v1/datasets/{dataset_id}").status_code == 204


def test_the_text_column_can_be_named(client: httpx.Client, dataset_id: str) -> None:
    table = b"title,body\nA,Once upon a time\nB,there was a table\n"
    path = f"/v1/datasets/{dataset_id}/files/t.csv"
    problem(client.put(path, content=table), 422, "no_text_column", "file")
    stored = client.put(path, content=table, params={"text_column": "body"})
    assert (stored.status_code, stored.json()["text_column"]) == (201, "body")
    shown = client.get(f"/v1/datasets/{dataset_id}/preview").json()["documents"]
    assert [document["text"] for document in shown] == ["Once upon a time", "there was a table"]


def test_delimiter_and_quote_can_be_named(client: httpx.Client, dataset_id: str) -> None:
    table = b"id~text\n1~'one, two'\n2~three \"four\n"
    path = f"/v1/datasets/{dataset_id}/files/t.csv"
    problem(client.put(path, content=table), 422, "bad_csv", "file")
    stored = client.put(path, content=table, params={"delimiter": "~", "quote": "'"})
    assert stored.status_code == 201
    assert (stored.json()["delimiter"], stored.json()["quote"]) == ("~", "'")
    shown = client.get(f"/v1/datasets/{dataset_id}/preview").json()["documents"]
    assert [document["text"] for document in shown] == ["one, two", 'three "four']
    tabs = client.put(
        path, content=b'a\ttext\n1\t"Lorem" ipsum\n', params={"delimiter": "tab", "quote": "none"}
    )
    assert (tabs.json()["delimiter"], tabs.json()["quote"]) == ("\t", "none")
    found = client.put(path, content=b'"name, first";text\nx;"a; b"\n').json()
    assert (found["delimiter"], found["quote"], found["text_column"]) == (";", '"', "text")
    for wrong in (
        {"delimiter": "ab"},
        {"delimiter": "a"},
        {"delimiter": '"'},
        {"delimiter": "\n"},
        {"quote": "x"},
    ):
        problem(client.put(path, content=table, params=wrong), 422, "validation_failed", next(iter(wrong)))


def test_parts_of_a_file_that_are_not_read_are_reported(client: httpx.Client, dataset_id: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("a.txt", "b.csv", "c.docx", "d/e.DOCX", "README", "__MACOSX/._a.txt", "f.txt"):
            archive.writestr(name, b"" if name == "f.txt" else b"id,text,id\n1,one,1\n")
    stored = client.put(f"/v1/datasets/{dataset_id}/files/all.zip", content=packed.getvalue()).json()
    assert stored["passed_over"] == [
        {"kind": ".docx", "files": 2},
        {"kind": "empty files", "files": 1},
        {"kind": "system files", "files": 1},
        {"kind": "without an ending", "files": 1},
    ]
    (note,) = stored["notes"]
    assert note["code"] == "columns_repeat"
    (listed,) = client.get(f"/v1/datasets/{dataset_id}").json()["file_list"]
    assert (listed["passed_over"], listed["notes"]) == (stored["passed_over"], stored["notes"])


def test_a_zip_is_one_file(client: httpx.Client, dataset_id: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("one.txt", TEXT)
        archive.writestr("two.jsonl", b'{"text": "eins"}\n')
    stored = client.put(f"/v1/datasets/{dataset_id}/files/all.zip", content=packed.getvalue()).json()
    assert stored["kind"] == "zip"
    assert stored["documents"] >= 2


def test_a_page_begins_where_the_previous_page_ended(client: httpx.Client) -> None:
    made = [client.post("/v1/datasets", json={"name": str(number)}).json()["id"] for number in range(5)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        found = client.get("/v1/datasets", params={"limit": 2} | cursor).json()
        seen += [entry["id"] for entry in found["data"]]
        if not found["has_more"]:
            assert found["next"] is None
            break
        cursor = {"cursor": found["next"]}
        client.post("/v1/datasets", json={"name": "later"})
    assert seen == made[::-1]


@pytest.mark.parametrize("cursor", ["x", "AAAA", "%%%", "a" * 201, "ZHNfMDE="])
def test_an_invalid_cursor_is_refused(client: httpx.Client, cursor: str) -> None:
    answer = client.get("/v1/datasets", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["param"] == "cursor"
