"""Service: time from submit to first step, delay of live points, reads a second, transfers of 512 MiB, the API's memory."""

import argparse
import asyncio
import hashlib
import json
import multiprocessing
import pydoc_data.topics
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import seedbed

import control.models  # noqa: F401 - SQLAlchemy needs every table that a foreign key refers to
from benchmarks._harness import PeakMemory, Running, interleaved, percentile, report, service
from benchmarks._processes import run
from control.checkpoints.models import Checkpoint
from control.db import create_engine, write
from control.ids import new_id
from control.storage import open_storage

TINY: dict[str, Any] = {
    "name": "tiny",
    "task": {"kind": "masked_lm"},
    "model": {"layers": 2, "hidden_size": 64, "heads": 2},
    "training": {
        "steps": 2,
        "batch_size": 8,
        "sequence_length": 64,
        "evaluation_sequences": 8,
        "log_every": 1,
    },
    "data": {"tokenizer": {"kind": "wordpiece", "vocabulary_size": 2000}},
}
CLIENTS = 16
SMALL_MIB = 64


def main() -> None:
    """Measure everything once; figures on the last line."""
    parser = argparse.ArgumentParser(prog="./run bench service", description=__doc__)
    parser.add_argument(
        "--submits", type=int, default=15, help="submissions of a tiny job, one after another"
    )
    parser.add_argument(
        "--points", type=int, default=400, help="steps of the job whose live points are timed"
    )
    parser.add_argument("--seconds", type=float, default=10.0, help="duration of the reads")
    parser.add_argument(
        "--mib", type=int, default=512, help="size of the file that is uploaded and downloaded"
    )
    parser.add_argument("--rounds", type=int, default=3, help="uploads and downloads of it")
    arguments = parser.parse_args()
    with (
        service() as running,
        seedbed.Client(running.url, running.key, retries=0) as client,
        tempfile.TemporaryDirectory(prefix="seedbed-bench-", dir="/var/tmp") as scratch,
    ):
        directory = Path(scratch)
        dataset = _dataset(client, directory)
        job = _run(client, TINY, dataset)  # the first job on a dataset prepares the data; it is not measured
        first_steps = [_first_step(client, dataset) for _ in range(arguments.submits)]
        points = _points(client, dataset, arguments.points)
        latencies, read_cpu = _reads(running, job, arguments.seconds)
        reads = len(latencies) / arguments.seconds
        transfer = _Transfers(running, client, job, directory)
        peaks = {"before": transfer.memory_mb}
        _, peaks["small"] = transfer.measure(SMALL_MIB, 1)
        transfers, peaks["peak"] = transfer.measure(arguments.mib, arguments.rounds)
    report(
        [
            ("submit to first step", f"{_seconds(first_steps)} ({len(first_steps)} submits)"),
            ("point to live client", f"{_milliseconds(points)} ({len(points)} points)"),
            ("reads of a job", f"{reads:,.0f} a second, {_milliseconds(latencies)} ({CLIENTS} clients)"),
            ("  processor time for one", f"{read_cpu:.2f} ms"),
            (f"upload of {arguments.mib} MiB", _speeds(transfers["upload"])),
            (f"download of {arguments.mib} MiB", _speeds(transfers["download"])),
            ("  without writing to disk", _speeds(transfers["download_raw"])),
            ("the API's memory", f"{peaks['before']:.0f} MB before"),
            (f"  peak, with {SMALL_MIB} MiB", f"{peaks['small']:.0f} MB"),
            (f"  peak, with {arguments.mib} MiB", f"{peaks['peak']:.0f} MB"),
        ],
        {
            "submit_to_first_step_s_median": statistics.median(first_steps),
            "submit_to_first_step_s_worst": max(first_steps),
            "point_to_listener_ms_median": statistics.median(points),
            "point_to_listener_ms_worst": max(points),
            "reads_per_s": reads,
            "reads_p99_ms": percentile(latencies, 0.99),
            "reads_cpu_ms": read_cpu,
            "upload_mb_s": statistics.median(transfers["upload"]),
            "download_mb_s": statistics.median(transfers["download"]),
            "download_raw_mb_s": statistics.median(transfers["download_raw"]),
            "api_rss_mb_before": peaks["before"],
            f"api_peak_rss_mb_{SMALL_MIB}_mib": peaks["small"],
            "api_peak_rss_mb": peaks["peak"],
        },
    )


def _seconds(values: list[float]) -> str:
    return f"median {statistics.median(values):.3f} s, worst {max(values):.3f} s"


def _milliseconds(values: list[float]) -> str:
    return f"median {statistics.median(values):.1f} ms, p99 {percentile(values, 0.99):.1f} ms, worst {max(values):.1f} ms"


def _speeds(values: list[float]) -> str:
    return f"median {statistics.median(values):.0f} MB/s, best {max(values):.0f} MB/s"


# --- jobs --------------------------------------------------------------------------------------------


def _dataset(client: seedbed.Client, directory: Path) -> str:
    corpus = directory / "topics.txt"
    corpus.write_text("\n\n".join(pydoc_data.topics.topics.values()))
    dataset = client.datasets.create("topics").id
    client.datasets.upload(dataset, corpus)
    return client.datasets.complete(dataset).id


def _run(client: seedbed.Client, spec: dict[str, Any], dataset: str) -> str:
    """Run a job to its end, and wait until the worker is idle again."""
    job = client.jobs.submit(spec, dataset=dataset).id
    ended = client.jobs.wait(job)
    if ended.state != "succeeded":
        raise SystemExit(f"The job {ended.state}: {ended.failure}")
    while not any(worker.state == "idle" for worker in client.workers.list()):
        time.sleep(0.01)
    return job


def _first_step(client: seedbed.Client, dataset: str) -> float:
    """Seconds from submitting a job to its first metric point, by the point's own time stamp."""
    submitted = time.time()
    job = _run(client, TINY, dataset)
    series = client.jobs.metrics(job, ["train/loss"]).series["train/loss"]
    return series.times[series.steps.index(1)] - submitted


def _points(client: seedbed.Client, dataset: str, steps: int) -> list[float]:
    """Milliseconds from each metric point of a job to its arrival at a client connected since the job's start."""
    spec = TINY | {"training": TINY["training"] | {"steps": steps}}
    job = client.jobs.submit(spec, dataset=dataset).id
    return [
        (time.time() - update.time) * 1000
        for update in client.jobs.watch(job)
        if isinstance(update, seedbed.MetricPoint)
    ]


# --- reads -------------------------------------------------------------------------------------------


def _reads(running: Running, job: str, seconds: float) -> tuple[list[float], float]:
    """The milliseconds of each request, and the API's processor time in milliseconds for one request."""
    # In a separate process, so that nothing else delays its time measurements.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        pool.apply(_hammer, (running.url, running.key, job, 1.0))
        before = _computed(running)
        latencies: list[float] = pool.apply(_hammer, (running.url, running.key, job, seconds))
        return latencies, (_computed(running) - before) * 1000 / len(latencies)


def _computed(running: Running) -> float:
    times = running.api.cpu_times()
    return float(times.user + times.system)


def _hammer(url: str, key: str, job: str, seconds: float) -> list[float]:
    async def together() -> list[list[float]]:
        until = time.perf_counter() + seconds
        return await asyncio.gather(*(_reader(url, key, job, until) for _ in range(CLIENTS)))

    return [latency for reader in asyncio.run(together()) for latency in reader]


async def _reader(url: str, key: str, job: str, until: float) -> list[float]:
    """One client on one connection, with as little computation as possible, to leave both cores to the service."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    request = (
        f"GET /v1/jobs/{job} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
    )
    latencies = []
    while (begun := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = next(
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        await reader.readexactly(length)
        latencies.append((time.perf_counter() - begun) * 1000)
    writer.close()
    return latencies


# --- transfers ---------------------------------------------------------------------------------------


class _Transfers:
    """Uploads and downloads one file in turns, and measures the API's memory meanwhile."""

    def __init__(self, running: Running, client: seedbed.Client, job: str, directory: Path) -> None:
        self._running = running
        self._client = client
        self._job = job
        self._directory = directory
        self._memory = PeakMemory(running.api)

    @property
    def memory_mb(self) -> float:
        return self._memory.now_mb

    def measure(self, mib: int, rounds: int) -> tuple[dict[str, list[float]], float]:
        """MB/s of each kind of transfer, and the API's peak memory meanwhile, in MB."""
        file = _text(self._directory / f"{mib}.txt", mib)
        checkpoint = _checkpoint(self._running, self._job, step=mib, content=file)
        self._memory.restart()
        speeds = interleaved(
            rounds,
            upload=lambda: _upload(self._client, file),
            download=lambda: _download(self._client, checkpoint, self._directory),
            download_raw=lambda: _download_raw(self._running, checkpoint),
        )
        return speeds, self._memory.peak_mb


def _text(path: Path, mib: int) -> Path:
    """A text file of that size in which no two documents are equal."""
    with path.open("w") as file:
        for part in _documents():
            file.write(part)
            if file.tell() >= mib * 2**20:
                break
    with path.open("r+b") as binary:
        binary.truncate(mib * 2**20)
    return path


def _documents() -> Iterator[str]:
    number = 0
    while True:
        for text in pydoc_data.topics.topics.values():
            number += 1
            yield f"Document {number}.\n{text.encode('ascii', 'ignore').decode()}\n\n"


def _upload(client: seedbed.Client, file: Path) -> float:
    """MB/s from the call to the service's answer that it has inspected the file; hashing it first is included."""
    dataset = client.datasets.create("upload").id
    begun = time.perf_counter()
    client.datasets.upload(dataset, file)
    speed = file.stat().st_size / 1e6 / (time.perf_counter() - begun)
    client.datasets.delete(dataset)
    return speed


def _checkpoint(running: Running, job: str, *, step: int, content: Path) -> str:
    """Add a checkpoint of one large file to a finished job, in the storage and the tables that workers write to."""
    environment = running.home.service()
    assert environment is not None
    with content.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = content.stat().st_size
    manifest = {
        "format": 1,
        "step": step,
        "files": [{"path": "model.safetensors", "bytes": size, "sha256": digest}],
    }
    written = json.dumps(manifest).encode()
    prefix = f"jobs/{job}/attempt-1/step-{step}"
    storage = open_storage(environment["STORAGE_URL"])
    storage.put_file(f"{prefix}/model.safetensors", content)
    storage.put_stream(f"{prefix}/manifest.json", [written])
    engine = create_engine(environment["DATABASE_URL"])
    with write(engine) as session:
        checkpoint = Checkpoint(
            id=new_id("ckpt"),
            job_id=job,
            attempt=1,
            step=step,
            prefix=prefix,
            manifest=manifest,
            manifest_sha256=hashlib.sha256(written).hexdigest(),
            bytes=size,
            metrics={},
        )
        session.add(checkpoint)
    engine.dispose()
    return checkpoint.id


def _download(client: seedbed.Client, checkpoint: str, directory: Path) -> float:
    """MB/s of a download to disk that is verified against the manifest."""
    found = client.checkpoints.get(checkpoint)
    with tempfile.TemporaryDirectory(dir=directory) as place:
        begun = time.perf_counter()
        client.checkpoints.download(found, place)
        return found.bytes / 1e6 / (time.perf_counter() - begun)


def _download_raw(running: Running, checkpoint: str) -> float:
    """MB/s of the service alone: the client discards the bytes."""
    url = f"{running.url}/v1/checkpoints/{checkpoint}/files/model.safetensors"
    begun, size = time.perf_counter(), 0
    with httpx.stream("GET", url, headers={"Authorization": f"Bearer {running.key}"}) as response:
        response.raise_for_status()
        for chunk in response.iter_raw():
            size += len(chunk)
    return size / 1e6 / (time.perf_counter() - begun)


if __name__ == "__main__":
    run(main)
