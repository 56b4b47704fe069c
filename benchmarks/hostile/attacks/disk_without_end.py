"""Uploads beyond a quota, with and without a length, in parallel; a job that keeps a checkpoint of each of 100,000,000 steps; parallel deletions of both."""

import json
import time
from collections.abc import Iterator
from pydoc_data.topics import topics
from typing import Any

import httpx

from benchmarks.hostile.target import NotDelivered, Target, expect

MIB = 1 << 20
QUOTA = 8 * MIB
UPLOADS = 8
JOB_SECONDS = 150.0
"""Time limit for the job to reach its quota; it prepares its data first."""


def attack(target: Target) -> None:
    """No quota is exceeded, the job pauses and gives the reason, and deleted files leave the storage."""
    with target.client() as client, target.client(target.admin) as admin:
        before = _usage(client)
        quotas = {kind: before[kind]["bytes"] + QUOTA for kind in ("datasets", "checkpoints")}
        expect(admin.patch("/v1/quotas", json=quotas), 200)
        try:
            _fill(target, client, quotas["datasets"])
            _run(target, client, quotas["checkpoints"])
            after = _usage(client)
            if after["bytes"] > before["bytes"]:
                raise NotDelivered(
                    f"{after['bytes'] - before['bytes']:,} bytes of the deleted files are left: {after}"
                )
        finally:
            admin.patch("/v1/quotas", json=dict.fromkeys(quotas))


def _fill(target: Target, client: httpx.Client, limit: int) -> None:
    """Upload files beyond the quota in parallel; half of the requests have a Content-Length."""
    dataset = target.dataset(client, "without end")

    def put(number: int) -> int:
        content = bytes([65 + number]) * (4 * MIB - 1) + b"\n"
        parts: Iterator[bytes] = (content[at : at + MIB] for at in range(0, len(content), MIB))
        with target.client() as own:
            answer = own.put(
                f"/v1/datasets/{dataset}/files/{number}.txt", content=parts if number % 2 else content
            )
        return expect(answer, 201, 413).status_code

    taken = target.together(UPLOADS, put).count(201)
    used = _usage(client)["datasets"]["bytes"]
    if used > limit or not taken:
        raise NotDelivered(f"{taken} files were accepted, and datasets take up {used:,} of {limit:,} bytes")
    _delete(target, f"/v1/datasets/{dataset}")


def _run(target: Target, client: httpx.Client, limit: int) -> None:
    dataset = target.dataset(client, "topics")
    lines = "".join(json.dumps({"text": text}) + "\n" for text in topics.values())
    expect(client.put(f"/v1/datasets/{dataset}/files/topics.jsonl", content=lines.encode()), 201)
    expect(client.post(f"/v1/datasets/{dataset}/complete"), 200)
    spec = {
        "name": "without end",
        "dataset": dataset,
        "task": {"kind": "masked_lm"},
        "model": {"layers": 1, "hidden_size": 64, "heads": 2},
        "data": {"tokenizer": {"vocabulary_size": 4000}},
        "training": {
            "steps": 100_000_000,
            "batch_size": 4,
            "sequence_length": 32,
            "precision": "fp32",
            "log_every": 1,
            "checkpoint_every": 1,
            "retention": {"keep_every": 1},
        },
        "resources": {"max_seconds": JOB_SECONDS},
    }
    answer = expect(client.post("/v1/jobs/validate", json=spec), 200).json()
    codes = {warning["code"] for warning in answer["warnings"]}
    if not {"checkpoints_too_frequent", "points_too_frequent"} <= codes:
        raise NotDelivered(f"there is no warning of so frequent checkpoints, only of {sorted(codes)}")
    job = str(expect(client.post("/v1/jobs", json=spec), 201).json()["id"])
    expect(client.delete(f"/v1/jobs/{job}"), 409, code="not_over")
    expect(client.delete(f"/v1/datasets/{dataset}"), 409, code="dataset_in_use")
    state = _paused(client, job, limit)
    if state["state"] != "paused" or state["pause"]["code"] != "quota_exceeded":
        raise NotDelivered(f"the job is {state['state']}, not paused by its quota: {state['failure']}")
    if state["checkpoints"] == 0:
        raise NotDelivered("the job has kept no checkpoint")
    expect(client.post(f"/v1/jobs/{job}/cancel"), 200)
    _delete(target, f"/v1/jobs/{job}")
    _delete(target, f"/v1/datasets/{dataset}")


def _paused(client: httpx.Client, job: str, limit: int) -> dict[str, Any]:
    """Wait until the job has paused or ended, and check that its checkpoints never exceed their quota meanwhile."""
    deadline = time.monotonic() + JOB_SECONDS
    while True:
        used = _usage(client)["checkpoints"]["bytes"]
        if used > limit:
            raise NotDelivered(f"checkpoints take up {used:,} of {limit:,} bytes")
        found: dict[str, Any] = expect(client.get(f"/v1/jobs/{job}"), 200).json()
        if found["state"] not in {"queued", "running"} or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def _delete(target: Target, path: str) -> None:
    """Send two parallel deletions; exactly one must succeed."""

    def delete(_: int) -> int:
        with target.client() as own:
            return expect(own.delete(path), 204, 404).status_code

    answers = sorted(target.together(2, delete))
    if answers != [204, 404]:
        raise NotDelivered(f"two parallel deletions of {path} were answered with {answers}")


def _usage(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = expect(client.get("/v1/usage"), 200).json()
    return found
