"""Versions of datasets over HTTP."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import Engine

from control.db import write
from control.jobs import service as jobs
from tests.api.conftest import problem
from tests.api.test_datasets import blobs
from tests.control.jobs import test_admission_of_transcripts as transcribed
from tests.factories import make_worker

ROWS = "text,label\n" + "".join(f"the first corpus has line {n},{'ab'[n % 2]}\n" for n in range(400))
MORE = "text,label\n" + "".join(f"what came later was line {n},{'bc'[n % 2]}\n" for n in range(300))


def made(
    client: httpx.Client, files: Mapping[str, bytes | str], *, modality: str = "text", name: str = "corpus"
) -> str:
    """A complete dataset with these files."""
    dataset = client.post("/v1/datasets", json={"name": name, "modality": modality}).json()["id"]
    return filled(client, dataset, files)["id"]  # type: ignore[no-any-return]


def filled(client: httpx.Client, dataset: str, files: Mapping[str, bytes | str]) -> dict[str, Any]:
    """A dataset completed with these files."""
    for file, content in files.items():
        stored = client.put(f"/v1/datasets/{dataset}/files/{file}", content=content)
        assert stored.status_code == 201, stored.text
    done = client.post(f"/v1/datasets/{dataset}/complete")
    assert done.status_code == 200, done.text
    return dict(done.json())


def opened(client: httpx.Client, parent: str, **body: str) -> dict[str, Any]:
    """A new version, open."""
    answer = client.post(f"/v1/datasets/{parent}/versions", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def version(client: httpx.Client, parent: str, files: Mapping[str, bytes | str]) -> dict[str, Any]:
    return filled(client, opened(client, parent)["id"], files)


def spec(dataset: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": "job",
        "dataset": dataset,
        "task": {"kind": "masked_lm"},
        "model": {"preset": "bert-tiny"},
        "training": {"steps": 10, "batch_size": 2, "sequence_length": 16},
        **changes,
    }


def errors(client: httpx.Client, document: dict[str, Any]) -> list[tuple[str, str]]:
    found = client.post("/v1/jobs/validate", json=document).json()["errors"]
    return [(one["param"], one["code"]) for one in found]


def test_a_version_has_the_files_of_its_parent_and_its_own(client: httpx.Client, tmp_path: Path) -> None:
    parent = made(client, {"a.csv": ROWS})
    before = client.get(f"/v1/datasets/{parent}").json()
    assert (before["parent"], before["version"], before["added"]) == (None, 1, None)

    child = opened(client, parent)
    assert (child["parent"], child["version"], child["state"]) == (parent, 2, "open")
    assert (child["name"], child["modality"]) == ("corpus", "text")
    assert [(file["name"], file["inherited"]) for file in child["file_list"]] == [("a.csv", True)]
    assert blobs(tmp_path) == [hashlib.sha256(ROWS.encode()).hexdigest()], "the bytes are copied"

    ready = filled(client, child["id"], {"b.csv": MORE})
    assert [(file["name"], file["inherited"]) for file in ready["file_list"]] == [
        ("a.csv", True),
        ("b.csv", False),
    ]
    assert (ready["samples"], ready["files"], ready["bytes"]) == (700, 2, len(ROWS) + len(MORE))
    added = ready["added"]
    assert (added["samples"], added["files"], added["bytes"]) == (300, 1, len(MORE))
    whole = {one["name"]: one["documents"] for one in ready["statistics"]["classes"]}
    new = {one["name"]: one["documents"] for one in added["statistics"]["classes"]}
    assert (whole, new) == ({"a": 200, "b": 350, "c": 150}, {"b": 150, "c": 150})
    listed = client.get("/v1/datasets").json()["data"][0]
    assert (listed["id"], listed["added"]) == (ready["id"], added | {"statistics": None})
    assert client.get(f"/v1/datasets/{parent}").json() == before, "the parent changed"
    assert (
        ready["sha256"]
        == client.get(f"/v1/datasets/{made(client, {'a.csv': ROWS, 'b.csv': MORE})}").json()["sha256"]
    )


def test_a_chain_of_versions_is_listed_newest_first(client: httpx.Client, stranger: httpx.Client) -> None:
    made(client, {"x.txt": "another dataset"})
    first = made(client, {"a.csv": ROWS})
    second = version(client, first, {"b.csv": MORE})
    third = opened(client, second["id"], name="corpus, June")
    branch = opened(client, first)
    chain = [branch["id"], third["id"], second["id"], first]
    for one in chain:
        listed = client.get(f"/v1/datasets/{one}/versions").json()["data"]
        assert [entry["id"] for entry in listed] == chain
    assert [(one["version"], one["parent"]) for one in listed] == [
        (2, first),
        (3, second["id"]),
        (2, first),
        (1, None),
    ]
    assert (third["name"], third["files"]) == ("corpus, June", 2)
    page = client.get(f"/v1/datasets/{first}/versions", params={"limit": 3}).json()
    rest = client.get(f"/v1/datasets/{first}/versions", params={"cursor": page["next"]}).json()
    assert [one["id"] for one in page["data"] + rest["data"]] == chain
    assert client.delete(f"/v1/datasets/{first}").status_code == 204
    assert client.delete(f"/v1/datasets/{second['id']}").status_code == 204
    listed = client.get(f"/v1/datasets/{third['id']}/versions").json()["data"]
    assert [entry["id"] for entry in listed] == [branch["id"], third["id"]]
    assert listed[1]["parent"] == second["id"]
    for answer in (
        stranger.get(f"/v1/datasets/{third['id']}/versions"),
        stranger.post(f"/v1/datasets/{third['id']}/versions"),
        client.get(f"/v1/datasets/{first}/versions"),
        client.post(f"/v1/datasets/{first}/versions"),
    ):
        problem(answer, 404, "dataset_not_found", "dataset")


@pytest.mark.parametrize("deleted_first", ["parent", "child", "grandchild"])
def test_deleting_one_version_loses_nothing_of_another(
    client: httpx.Client, tmp_path: Path, deleted_first: str
) -> None:
    contents = {"a.txt": b"one " * 50, "b.txt": b"two " * 50, "c.txt": b"three " * 50}
    hashes = [hashlib.sha256(content).hexdigest() for content in contents.values()]
    names = list(contents)
    parent = made(client, {names[0]: contents[names[0]]})
    child = version(client, parent, {names[1]: contents[names[1]]})["id"]
    grandchild = version(client, child, {names[2]: contents[names[2]]})["id"]
    order = {
        "parent": (parent, child, grandchild),
        "child": (child, grandchild, parent),
        "grandchild": (grandchild, child, parent),
    }[deleted_first]
    kept = {parent: set(hashes[:1]), child: set(hashes[:2]), grandchild: set(hashes)}
    for one in order:
        assert client.delete(f"/v1/datasets/{one}").status_code == 204
        del kept[one]
        assert set(blobs(tmp_path)) == set().union(*kept.values())
        for left, wanted in kept.items():
            files = client.get(f"/v1/datasets/{left}").json()["file_list"]
            assert {file["sha256"] for file in files} == wanted
            shown = client.get(f"/v1/datasets/{left}/preview").json()["documents"]
            assert {document["file"] for document in shown} == {file["name"] for file in files}


def test_a_parent_deleted_during_the_upload_leaves_the_version_whole(
    client: httpx.Client, tmp_path: Path
) -> None:
    parent = made(client, {"a.csv": ROWS})
    child = opened(client, parent)["id"]
    assert client.delete(f"/v1/datasets/{parent}").status_code == 204
    ready = filled(client, child, {"b.csv": MORE})
    assert (ready["samples"], ready["parent"], ready["version"]) == (700, parent, 2)
    assert len(blobs(tmp_path)) == 2
    assert errors(client, spec(child, data={"files": "new"})) == []
    problem(client.post(f"/v1/datasets/{parent}/versions"), 404, "dataset_not_found", "dataset")


def test_an_abandoned_version_is_deleted_and_nothing_of_the_parent(
    client: httpx.Client, tmp_path: Path
) -> None:
    parent = made(client, {"a.csv": ROWS})
    child = opened(client, parent)["id"]
    client.put(f"/v1/datasets/{child}/files/b.csv", content=MORE)
    assert client.delete(f"/v1/datasets/{child}/files/b.csv").status_code == 204
    assert client.delete(f"/v1/datasets/{child}").status_code == 204
    assert blobs(tmp_path) == [hashlib.sha256(ROWS.encode()).hexdigest()]


def test_versions_and_deletions_at_once_lose_nothing(client: httpx.Client, tmp_path: Path) -> None:
    """Of each round either the version is refused, or it is whole."""
    for number in range(8):
        content = f"round {number} ".encode() * 50
        parent = made(client, {"a.txt": content})
        answers: dict[str, httpx.Response] = {}
        barrier = threading.Barrier(2)

        def call(
            method: str,
            path: str,
            answers: dict[str, httpx.Response] = answers,
            at: threading.Barrier = barrier,
        ) -> None:
            at.wait()
            answers[method] = client.request(method, path)

        threads = [
            threading.Thread(target=call, args=("POST", f"/v1/datasets/{parent}/versions")),
            threading.Thread(target=call, args=("DELETE", f"/v1/datasets/{parent}")),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers["DELETE"].status_code == 204
        there = hashlib.sha256(content).hexdigest() in blobs(tmp_path)
        if answers["POST"].status_code == 201:
            assert there, "the version's bytes are gone"
            child = answers["POST"].json()["id"]
            assert client.get(f"/v1/datasets/{child}/preview").json()["documents"]
        else:
            problem(answers["POST"], 404, "dataset_not_found", "dataset")
            assert not there


def test_shared_bytes_count_once(client: httpx.Client, project_id: str) -> None:
    parent = made(client, {"a.csv": ROWS})
    alone = client.get("/v1/usage").json()["datasets"]
    child = opened(client, parent)["id"]
    assert client.get("/v1/usage").json()["datasets"] == alone | {"count": 2}
    client.patch("/v1/quotas", json={"datasets": alone["bytes"] + len(MORE)})
    filled(client, child, {"b.csv": MORE})
    assert client.get("/v1/usage").json()["datasets"]["bytes"] == alone["bytes"] + len(MORE)
    # A version that adds nothing needs no room, what it adds does.
    third = opened(client, child)["id"]
    full = client.put(f"/v1/datasets/{third}/files/c.csv", content=MORE.upper())
    problem(full, 413, "quota_exceeded", None)
    client.delete(f"/v1/datasets/{parent}")
    assert client.get("/v1/usage").json()["datasets"]["bytes"] == alone["bytes"] + len(MORE)


def test_the_files_of_a_parent_stay_as_they_are(client: httpx.Client) -> None:
    parent = made(client, {"a.csv": ROWS})
    child = opened(client, parent)["id"]
    for content in (ROWS, MORE):
        refused = client.put(f"/v1/datasets/{child}/files/a.csv", content=content)
        assert parent in problem(refused, 409, "file_inherited", "name")["detail"]
    problem(client.delete(f"/v1/datasets/{child}/files/a.csv"), 409, "file_inherited", "name")
    # Its own files are replaced and removed as those of any open dataset.
    assert client.put(f"/v1/datasets/{child}/files/b.csv", content=ROWS).status_code == 201
    assert client.put(f"/v1/datasets/{child}/files/b.csv", content=MORE).status_code == 200
    assert client.delete(f"/v1/datasets/{child}/files/b.csv").status_code == 204


def test_a_version_adds_a_file(client: httpx.Client) -> None:
    child = opened(client, made(client, {"a.csv": ROWS}))["id"]
    refused = problem(client.post(f"/v1/datasets/{child}/complete"), 409, "dataset_empty", "dataset")
    assert refused["params"]["case"] == "version"


def test_a_parent_must_be_complete_and_hold_the_same(client: httpx.Client, dataset_id: str) -> None:
    client.put(f"/v1/datasets/{dataset_id}/files/a.csv", content=ROWS)
    refused = client.post(f"/v1/datasets/{dataset_id}/versions")
    problem(refused, 409, "dataset_not_ready", "dataset")
    client.post(f"/v1/datasets/{dataset_id}/complete")
    refused = client.post(f"/v1/datasets/{dataset_id}/versions", json={"modality": "image"})
    problem(refused, 422, "modality_mismatch", "modality")
    child = opened(client, dataset_id, modality="text")["id"]
    problem(client.put(f"/v1/datasets/{child}/files/a.png", content=b"x"), 422, "unknown_format", "file")
    for wrong in ({"name": ""}, {"parent": dataset_id}, {"modality": "video"}):
        answer = client.post(f"/v1/datasets/{dataset_id}/versions", json=wrong)
        problem(answer, 422, "validation_failed", next(iter(wrong)))


def test_a_repeated_request_makes_one_version(client: httpx.Client) -> None:
    parent = made(client, {"a.csv": ROWS})
    header = {"Idempotency-Key": "again"}
    first, again = (client.post(f"/v1/datasets/{parent}/versions", json={}, headers=header) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(client.get(f"/v1/datasets/{parent}/versions").json()["data"]) == 2


def test_a_job_reads_all_files_or_the_new_ones(client: httpx.Client, engine: Engine) -> None:
    parent = made(client, {"a.csv": ROWS, "tokenizer.json": TOKENIZER})
    second = version(client, parent, {"b.csv": MORE})["id"]
    third = version(client, second, {"c.txt": MORE.upper(), "d.txt": MORE.title()})["id"]
    read: dict[tuple[str, str], list[str]] = {}
    for dataset in (second, third):
        for files in ("all", "new"):
            job = client.post("/v1/jobs", json=spec(dataset, data={"files": files}))
            assert job.status_code == 201, job.text
            with write(engine) as session:
                claim = jobs.claim(session, make_worker(session))
                assert claim is not None
                assert claim.job_id == job.json()["id"]
                read[dataset, files] = [file.name for file in claim.files]
                jobs.finish(session, claim.job_id, claim.attempt, jobs.Completed())
    assert read == {
        (second, "all"): ["a.csv", "b.csv", "tokenizer.json"],
        (second, "new"): ["b.csv", "tokenizer.json"],
        (third, "all"): ["a.csv", "b.csv", "c.txt", "d.txt", "tokenizer.json"],
        (third, "new"): ["c.txt", "d.txt", "tokenizer.json"],
    }


def test_new_files_are_asked_of_a_version_alone(client: httpx.Client) -> None:
    parent = made(client, {"a.csv": ROWS})
    document = spec(parent, data={"files": "new"})
    assert errors(client, document) == [("data.files", "not_a_version")]
    refused = problem(client.post("/v1/jobs", json=document), 422, "validation_failed", "data.files")
    assert "POST" in refused["detail"]
    assert errors(client, spec(parent, data={"files": "old"})) == [("data.files", "unknown_value")]
    # What a version adds may be labels or a tokenizer for what was there.
    child = version(client, parent, {"tokenizer.json": TOKENIZER})["id"]
    assert errors(client, spec(child, data={"files": "new"})) == [("data.files", "nothing_new")]
    assert errors(client, spec(child)) == []


def test_what_is_new_must_suffice_by_itself(client: httpx.Client) -> None:
    parent = made(client, {"a.csv": ROWS})
    child = version(client, parent, {"b.txt": "one line"})["id"]
    assert errors(client, spec(child)) == []
    assert errors(client, spec(child, data={"files": "new"})) == [("dataset", "dataset_too_small")]


def _png(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16), (shade, 255 - shade, shade // 2)).save(out, "PNG")
    return out.getvalue()


def _zip(classes: Mapping[str, range]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, shades in classes.items():
            for shade in shades:
                archive.writestr(f"{name}/{shade}.png", _png(shade))
    return out.getvalue()


def _idx(count: int, offset: int) -> dict[str, bytes]:
    """Images of 8 by 8 pixels and their labels, as MNIST's files."""
    header = bytes([0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 8, 0, 0, 0, 8])
    pixels = b"".join(bytes([(offset + n + p) % 256 for p in range(64)]) for n in range(count))
    labels = bytes([0, 0, 8, 1, 0, 0, 0, count]) + bytes(n % 2 for n in range(count))
    return {"images-idx3-ubyte": header + pixels, "labels-idx1-ubyte": labels}


IMAGES: dict[str, tuple[Mapping[str, bytes], Mapping[str, bytes]]] = {
    "folders of classes": (
        {"pets.zip": _zip({"cat": range(20), "dog": range(100, 120)})},
        {"more.zip": _zip({"dog": range(120, 140), "fox": range(200, 220)})},
    ),
    "pairs of idx files": (
        {f"may-{name}": content for name, content in _idx(40, 0).items()},
        {f"june-{name}": content for name, content in _idx(40, 100).items()},
    ),
}


@pytest.mark.parametrize("layout", IMAGES)
def test_layouts_of_images_go_on_in_a_version(client: httpx.Client, layout: str) -> None:
    before, after = IMAGES[layout]
    parent = made(client, before, modality="image")
    child = version(client, parent, after)
    assert (child["samples"], child["added"]["samples"]) == (80, 40)
    classes = [one["name"] for one in child["statistics"]["classes"]]
    new = [one["name"] for one in child["added"]["statistics"]["classes"]]
    if layout == "folders of classes":
        assert (classes, new) == (["cat", "dog", "fox"], ["dog", "fox"])
    document = {
        "name": "job",
        "dataset": child["id"],
        "task": {"kind": "image_classification"},
        "data": {"image": {"size": 8, "channels": 1}},
        "training": {"steps": 10, "batch_size": 4},
    }
    for files in ("all", "new"):
        document["data"] = {"files": files, "image": {"size": 8, "channels": 1}}
        assert errors(client, document) == []


def test_recordings_and_transcripts_go_on_in_a_version(client: httpx.Client) -> None:
    sounds = list(transcribed.recordings(16).items())
    before, after = dict(sounds[:8]), dict(sounds[8:])
    parent = made(
        client,
        {"may.zip": transcribed.zipped(before).content, "may.csv": transcribed.table(*before)},
        modality="audio",
    )
    child = version(
        client,
        parent,
        {"june.zip": transcribed.zipped(after).content, "june.csv": transcribed.table(*after)},
    )
    assert (child["samples"], child["added"]["samples"]) == (16, 8)
    assert child["statistics"]["transcripts"]["rows"] == 16
    assert child["added"]["statistics"]["transcripts"]["rows"] == 8
    job = transcribed.job()
    for files in ("all", "new"):
        document = job | {"dataset": child["id"], "data": job["data"] | {"files": files}}
        assert errors(client, document) == []
    # The parent's transcripts are of the parent's recordings; new recordings bring theirs.
    bare = version(client, parent, {"june.zip": transcribed.zipped(after).content})["id"]
    document = job | {"dataset": bare, "data": job["data"] | {"files": "new"}}
    assert errors(client, document) == [("dataset", "transcripts_missing")]


TOKENIZER = (
    b'{"version":"1.0","truncation":null,"padding":null,"added_tokens":['
    + b",".join(
        b'{"id":%d,"content":"%s","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}'
        % (number, name)
        for number, name in enumerate((b"[PAD]", b"[UNK]", b"[CLS]", b"[SEP]", b"[MASK]"))
    )
    + b'],"normalizer":null,"pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,"model":{"type":"WordLevel",'
    + b'"vocab":{"[PAD]":0,"[UNK]":1,"[CLS]":2,"[SEP]":3,"[MASK]":4,"the":5,"line":6},"unk_token":"[UNK]"}}'
)
