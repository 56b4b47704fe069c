"""An estimate runs real steps, states how its numbers were measured, and leaves nothing behind."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from core.commands.estimate import Options, estimate
from core.data import data_files, prepare_for
from core.distributed.world import World
from core.estimation import sampling
from core.estimation.flops import flops_per_step
from core.estimation.memory import largest_batch
from core.estimation.peak import Peak, device_peak, measured_peak
from core.events import Events
from core.spec.data import DataSpec
from core.spec.job import JobSpec
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from core.training.batches import BatchStream
from core.training.devices import Place

CPU = Place(torch.device("cpu"), "a CPU", "fp32")
LAYERS, HIDDEN, LENGTH, BATCH, VOCABULARY = 2, 32, 16, 4, 320


def make_spec(**training: Any) -> dict[str, Any]:
    return {
        "name": "tried",
        "task": {"kind": "causal_lm"},
        "model": {"layers": LAYERS, "hidden_size": HIDDEN, "heads": 2, "dropout": 0.0},
        "training": {"steps": 1000, "batch_size": BATCH, "sequence_length": LENGTH, **training},
        "data": {"tokenizer": {"vocabulary_size": VOCABULARY}},
    }


@pytest.fixture(autouse=True)
def torch_as_it_was() -> Iterator[None]:
    """Restores torch's settings, which an estimate changes in this process."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    directory = tmp_path / "data"
    directory.mkdir()
    documents = (json.dumps({"text": f"Document {n} tells of {n * n} things."}) for n in range(400))
    (directory / "corpus.jsonl").write_text("\n".join(documents))
    return directory


def run(tmp_path: Path, corpus: Path, document: Mapping[str, Any], **options: Any) -> list[dict[str, Any]]:
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(document))
    told: list[dict[str, Any]] = []
    estimate(
        Options(spec=spec, data=(corpus,), threads=1, **options),
        Events(lambda event: told.append(dict(event))),
    )
    return told


def test_an_estimate_has_time_memory_and_throughput(tmp_path: Path, corpus: Path) -> None:
    told = run(tmp_path, corpus, make_spec(evaluate_every=100), cache=tmp_path / "cache")
    assert [event["event"] for event in told if event["event"] not in {"progress", "decision"}] == [
        "started",
        "prepared",
        "estimate",
        "finished",
    ]
    [found] = [event for event in told if event["event"] == "estimate"]
    assert 10 <= found["steps_timed"] <= 200
    pace = found["step_seconds"]
    assert 0 < pace["low"] <= pace["median"] <= pace["high"]
    assert found["tokens_per_s"] == pytest.approx(found["samples_per_s"] * LENGTH)
    eta = found["eta"]
    assert eta["low"] <= eta["seconds"] <= eta["high"]
    around = found["preparation_seconds"] + 10 * found["evaluation_seconds"]
    assert eta["low"] == pytest.approx(around + 1000 * pace["low"], rel=0.01)
    achieved = found["flops_per_step"] / pace["median"]
    assert found["utilization"] == pytest.approx(achieved / found["peak"]["flops_per_s"])
    assert found["largest_batch"] is None
    assert not found["data_sampled"]
    assert any((tmp_path / "cache").iterdir()), "the job itself will find the data prepared"
    assert {path.name for path in tmp_path.iterdir()} == {"data", "spec.json", "cache"}


def test_a_spec_that_cannot_run_fails_as_the_run_would(tmp_path: Path, corpus: Path) -> None:
    told = run(tmp_path, corpus, make_spec(batch_size=1_000_000))
    assert told[-1]["event"] == "failed"
    assert told[-1]["code"] == "data_too_small"


def _made(tmp_path: Path, corpus: Path, document: Mapping[str, Any]) -> tuple[JobSpec, Any, Any]:
    job = validate(document)
    data = prepare_for(job, data_files([corpus]), tmp_path / "cache")
    objective = create_objective(job, data)
    return job, data, objective


def test_the_number_of_operations_equals_the_formula(tmp_path: Path, corpus: Path) -> None:
    job, data, objective = _made(tmp_path, corpus, make_spec())
    with BatchStream(objective, objective.samples("train"), job.training, World()) as batches:
        found = flops_per_step(objective, batches.make(1), CPU)
    tokens = BATCH * LENGTH
    # Kaplan et al. 2020 (arXiv 2001.08361): 2 a weight and token forward, twice that backward; attention beside it.
    matrices = LAYERS * 12 * HIDDEN**2 + HIDDEN * data.vocabulary_size
    attention = LAYERS * 2 * LENGTH * HIDDEN
    assert found == pytest.approx(3 * 2 * tokens * (matrices + attention), rel=0.05)
    assert all(parameter.grad is None for parameter in objective.parameters())


def test_the_batch_that_fits_grows_with_the_memory(tmp_path: Path, corpus: Path) -> None:
    _, _, objective = _made(tmp_path, corpus, make_spec())
    samples = objective.samples("train")
    few, many = (
        largest_batch(objective, samples, CPU, start=64, limit_bytes=gigabytes << 30) for gigabytes in (4, 16)
    )
    assert few.bytes_per_sample > 1000
    assert few.samples < many.samples
    assert few.limit_bytes == int(0.9 * (4 << 30))
    assert "extrapolated from the peaks" in few.how


def test_a_large_text_dataset_is_sampled_from_every_file(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (corpus / "more.txt").write_text(
        "\n\n\n".join(f"Other document {n}, of another file." for n in range(2000))
    )
    monkeypatch.setattr("core.commands.estimate.WHOLE_BYTES", 1000)
    monkeypatch.setattr(sampling, "SAMPLE_BYTES", 30_000)
    told = run(tmp_path, corpus, make_spec())
    [found] = [event for event in told if event["event"] == "estimate"]
    assert found["data_sampled"]
    (tmp_path / "sample").mkdir()
    [made] = sampling.sample_text(data_files([corpus]), DataSpec(), tmp_path / "sample")
    texts = [json.loads(line)["text"] for line in made.path.read_text().splitlines()]
    assert sum(map(len, texts)) == pytest.approx(30_000, rel=0.05)
    assert any(text.startswith("Document") for text in texts)
    assert any(text.startswith("Other") for text in texts)


def test_the_peak_is_published_where_it_is_known_and_measured_elsewhere() -> None:
    gpu = Place(torch.device("cuda", 0), "NVIDIA H100 80GB HBM3", "bf16")
    assert device_peak(gpu) == Peak(989.4e12, "published for NVIDIA H100, dense bf16")
    found = measured_peak(CPU)
    assert found.flops_per_s > 1e8
    assert found.how.startswith("measured: the fastest product of 1024 by 1024 matrices in fp32")
