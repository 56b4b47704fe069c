"""``batch_size: auto``: the largest micro-batch that fits, for every way in which memory is exhausted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from core.data import data_files
from core.data.text import prepare
from core.events import Events
from core.spec.job import JobSpec
from core.training import batch_size_search, memory
from core.training.batch_size_search import Fit, decide_batch_size
from core.training.decisions import Decisions
from core.training.devices import Place
from core.training.trials import Trial

PLACE = Place(torch.device("cpu"), "some cpu", "fp32")
Tried = list[int]


@pytest.fixture
def find(
    spec: dict[str, Any], corpus: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, Tried, dict[str, Any]]]:
    """Search with a memory of 1,000 MiB: `(batch size, batches tried, events)`."""

    def search(
        fit: Callable[[int], Fit | None] | None = None, accumulation: int = 2
    ) -> tuple[int, Tried, dict[str, Any]]:
        spec["training"] |= {"batch_size": "auto", "accumulation_steps": accumulation}
        job = JobSpec.model_validate(spec)
        tried: Tried = []
        if fit is not None:
            monkeypatch.setattr(
                batch_size_search,
                "_try",
                lambda _job, _data, _place, size, _start: tried.append(size) or fit(size),
            )
            monkeypatch.setattr(batch_size_search, "available_mb", lambda _: 1250.0)
        told: list[Any] = []
        decisions = Decisions(Events(told.append), tmp_path, "")
        size = decide_batch_size(job, prepare(data_files([corpus]), job.data, cache), PLACE, decisions)
        assert told[-1]["choice"] == size == decisions.choices["batch_size"]
        return size, tried, told[-1]

    return search


def test_sizes_excluded_by_the_measured_growth_are_not_tried(find: Any) -> None:
    # 100 MiB and 15 a sample: 60 samples fill 1,000.
    size, tried, told = find(lambda size: Fit(100.0 + 15.0 * size, 0.1))
    assert size == 48
    assert tried == [2, 4, 6, 8, 12, 16, 24, 32, 48]
    assert "32 samples per micro-batch would need about 1060 of the 1000 MiB" in told["reason"]
    assert told["measured"] == {"peak_mb": 820.0, "step_s": 0.1}


def test_what_fails_or_takes_too_much_is_too_large(find: Any) -> None:
    assert find(lambda size: Fit(10.0, 0.1) if size <= 12 else None)[0] == 12
    assert find(lambda size: Fit(10.0 if size <= 8 else 1001.0, 0.1))[0] == 8


def test_the_search_stops_at_a_micro_batch_that_takes_a_minute(find: Any) -> None:
    assert find(lambda size: Fit(1.0, 10.0 * size))[0] == 8


def test_the_size_is_limited_by_the_number_of_samples(find: Any) -> None:
    size, tried, told = find(lambda size: Fit(1.0, 0.1), accumulation=1)
    assert size == tried[-1]
    assert "the training split has" in told["reason"]


def test_if_not_even_one_sample_fits_the_run_reports_the_error(find: Any) -> None:
    assert find(lambda _: None)[0] == 2


def test_sizes_are_tried_with_real_steps_until_memory_is_exhausted(
    find: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Trial.step

    def limited(self: Trial) -> float:
        if self.batch.samples > 4:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return step(self)

    monkeypatch.setattr(Trial, "step", limited)
    size, _, told = find()
    assert size == 8
    assert "6 samples per micro-batch did not fit" in told["reason"]
    assert told["measured"]["step_s"] > 0


def test_other_errors_are_not_taken_for_exhausted_memory(find: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Trial) -> float:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Trial, "step", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        find()


def test_the_tightest_control_group_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    free = memory.available_mb(PLACE.device)
    assert free > 1
    monkeypatch.setattr(memory, "_control_groups", lambda: iter([(1 << 40, 0), (3 << 20, 1 << 20)]))
    assert memory.available_mb(PLACE.device) == 2
    monkeypatch.setattr(memory, "_control_groups", lambda: iter([(1 << 20, 3 << 20)]))
    assert memory.available_mb(PLACE.device) == 0
