"""Predictions: seconds from request to answer over HTTP, for a loaded and a cold model, with 8 clients."""

import argparse
import pydoc_data.topics
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import seedbed

from benchmarks._harness import percentile, report, service
from benchmarks._processes import run

CLIENTS = 8
TEXT = "The [MASK] statement returns a [MASK] to its caller."
_CHECKPOINTS = 8

SPEC: dict[str, Any] = {
    "name": "to ask",
    "training": {
        "steps": _CHECKPOINTS,
        "batch_size": 8,
        "sequence_length": 128,
        "evaluation_sequences": 8,
        "checkpoint_every": 1,
        "retention": {"keep_last": _CHECKPOINTS},
    },
    "data": {"tokenizer": {"kind": "bpe", "vocabulary_size": 8192}},
}


def main() -> None:
    """Measure everything once; figures on the last line."""
    parser = argparse.ArgumentParser(prog="./run bench predict", description=__doc__)
    parser.add_argument("--masked", default="bert-mini", help="preset of the masked language model")
    parser.add_argument("--causal", default="gpt2-mini", help="preset of the causal language model")
    parser.add_argument(
        "--requests", type=int, default=25, help="requests of each client to the loaded model"
    )
    arguments = parser.parse_args()
    with (
        service() as running,
        seedbed.Client(running.url, running.key, retries=0) as client,
        tempfile.TemporaryDirectory(prefix="seedbed-bench-", dir="/var/tmp") as scratch,
    ):
        dataset = _dataset(client, Path(scratch))
        masked = _checkpoints(client, dataset, "masked_lm", arguments.masked)
        causal = _checkpoints(client, dataset, "causal_lm", arguments.causal)
        first = _ask(client, masked[0])
        cold = [_ask(client, checkpoint) for checkpoint in masked[1:]]
        with ThreadPoolExecutor(CLIENTS) as pool:
            loads = [
                pool.submit(_one_after_another, running.url, running.key, masked[-1], arguments.requests)
                for _ in range(CLIENTS)
            ]
            warm = [1000 * seconds for load in loads for seconds in load.result()]
        client.checkpoints.predict(causal[0], text="The statement", max_tokens=1)
        beginnings, rates = zip(*(_stream(client, causal[0], seed) for seed in range(5)), strict=True)
    report(
        [
            (
                f"{arguments.masked}, loaded",
                f"{_milliseconds(warm)} ({CLIENTS} clients, {len(warm)} requests)",
            ),
            (f"{arguments.masked}, cold", f"median {statistics.median(cold):.2f} s, worst {max(cold):.2f} s"),
            ("  the first of a worker", f"{first:.2f} s, with the start of its process"),
            (f"{arguments.causal}, first token", _milliseconds([1000 * one for one in beginnings])),
            ("  tokens", f"{statistics.median(rates):.0f} a second"),
        ],
        {
            "warm_ms_median": statistics.median(warm),
            "warm_ms_p99": percentile(warm, 0.99),
            "warm_ms_worst": max(warm),
            "cold_s_median": statistics.median(cold),
            "cold_s_worst": max(cold),
            "first_s": first,
            "first_token_ms_median": 1000 * statistics.median(beginnings),
            "tokens_per_s": statistics.median(rates),
        },
    )


def _milliseconds(values: list[float]) -> str:
    return f"median {statistics.median(values):.1f} ms, p99 {percentile(values, 0.99):.1f} ms, worst {max(values):.1f} ms"


def _dataset(client: seedbed.Client, directory: Path) -> str:
    corpus = directory / "topics.txt"
    corpus.write_text("\n\n".join(pydoc_data.topics.topics.values()))
    dataset = client.datasets.create("topics").id
    client.datasets.upload(dataset, corpus)
    return client.datasets.complete(dataset).id


def _checkpoints(client: seedbed.Client, dataset: str, kind: str, preset: str) -> list[str]:
    """Checkpoints of a job, each of which is a model of its own."""
    spec = {**SPEC, "task": {"kind": kind}, "model": {"preset": preset}}
    job = client.jobs.wait(client.jobs.submit(spec, dataset=dataset).id)
    if job.state != "succeeded":
        raise SystemExit(f"The job {job.state}: {job.failure}")
    return [checkpoint.id for checkpoint in client.checkpoints.list(job.id)]


def _ask(client: seedbed.Client, checkpoint: str) -> float:
    """Seconds of one request."""
    began = time.perf_counter()
    client.checkpoints.predict(checkpoint, text=TEXT)
    return time.perf_counter() - began


def _one_after_another(url: str, key: str, checkpoint: str, count: int) -> list[float]:
    with seedbed.Client(url, key, retries=0) as client:
        return [_ask(client, checkpoint) for _ in range(count)]


def _stream(client: seedbed.Client, checkpoint: str, seed: int) -> tuple[float, float]:
    """Seconds to the first token, and tokens a second after it."""
    began = time.perf_counter()
    times = [
        time.perf_counter()
        for event in client.checkpoints.predict_stream(
            checkpoint, text="The statement", max_tokens=100, seed=seed
        )
        if isinstance(event, seedbed.PredictionPart)
    ]
    return times[0] - began, (len(times) - 1) / max(1e-9, times[-1] - times[0])


if __name__ == "__main__":
    run(main)
