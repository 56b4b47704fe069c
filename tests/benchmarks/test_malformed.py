"""Feeds the same few hundred mutated files to the readers of uploads each time; `./run bench malformed` tries many more."""

import signal
from typing import Any

import pytest

from benchmarks.malformed import __main__ as bench
from benchmarks.malformed import trials
from benchmarks.malformed.corpus import Sample, corpus
from benchmarks.malformed.trials import case, read
from core.formats import FormatError
from core.formats.names import MODALITY_KINDS, detect

SAMPLES = corpus()
CASES, PARTS = 560, 4


def test_the_corpus_is_valid_and_has_every_kind() -> None:
    for sample in SAMPLES:
        assert read(sample, sample.content), sample.name
    for modality, kinds in MODALITY_KINDS.items():
        there = {detect(one.name, modality).kind for one in SAMPLES if one.modality == modality}
        assert there == kinds, modality


@pytest.mark.parametrize("part", range(PARTS))
def test_no_mutated_file_raises_an_unexpected_error(part: int) -> None:
    refused = 0
    for number in range(part, CASES, PARTS):
        sample, content = case(1, number, SAMPLES)
        refused += not read(sample, content)
    # The mutations are neither so strong that all files are refused, nor so weak that none is.
    assert 0.2 < refused * PARTS / CASES < 0.9


def test_a_case_is_the_same_each_time() -> None:
    again = corpus()
    for number in range(0, 2 * len(SAMPLES), 3):
        (one, first), (other, second) = case(0, number, SAMPLES), case(0, number, again)
        assert (one.name, first) == (other.name, second)
    assert case(2, 0, SAMPLES)[1] != case(0, 0, SAMPLES)[1]


class _Broken:
    """A reader that fails in a forbidden way, on some cases."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, sample: Sample, content: bytes) -> bool:
        match self.number:
            case 0:
                raise IndexError("list index out of range")
            case 1:
                raise MemoryError
            case 2:
                bytearray(2 << 30)
            case _:
                raise FormatError("bad_csv", "never looked at", "a.csv")
        return True


@pytest.mark.parametrize(("number", "told"), [(0, "raised"), (1, "memory"), (3, "raised")])
def test_a_fault_of_a_reader_is_reported(monkeypatch: pytest.MonkeyPatch, number: int, told: str) -> None:
    monkeypatch.setattr(trials, "read", _Broken(number))
    answer = trials._try(0, 5, SAMPLES)
    assert told in answer
    assert answer["number"] == 5


def test_figures_say_what_failed() -> None:
    tally = bench.Tally()
    good: dict[str, Any] = {"number": 0, "seconds": 0.1, "megabytes": 3.0, "read": True}
    for change in ({}, {"raised": "x"}, {"memory": True}, {"seconds": bench.SECONDS + 1}, {"died": -11}):
        tally.add(good | change)
    assert (tally.cases, len(tally.uncaught), len(tally.over_budget)) == (5, 2, 2)
    assert tally.worst["seconds"] == bench.SECONDS + 1


def test_a_dead_process_is_reported_with_its_case_and_the_next_one_continues(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = []
    popen = bench.subprocess.Popen

    def script(arguments: list[str], **options: Any) -> Any:
        first, step, end, _ = map(int, arguments[-4:])
        started.append(first)
        lines = "".join(
            f'{{"begun": {n}}}\\n' + (f'{{"number": {n}, "seconds": 0, "megabytes": 0}}\\n' if n != 4 else "")
            for n in range(first, min(end, 5) if first <= 4 else end, step)
        )
        dies = "kill -SEGV $$" if first <= 4 < end else "true"
        return popen(["sh", "-c", f"printf '{lines}'; {dies}"], **options)

    monkeypatch.setattr(bench.subprocess, "Popen", script)
    tally = bench.attack(8, 0, 1)
    assert started == [0, 5]
    assert tally.cases == 8
    (died,) = tally.uncaught
    assert (died["number"], died["died"]) == (4, -signal.SIGSEGV)
