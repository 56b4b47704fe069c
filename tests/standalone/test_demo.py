"""The demonstration on a machine that is too slow for the large network: a smaller one is trained, and learns."""

import re
from pathlib import Path

import pytest

from standalone import demo as demonstration
from standalone.demo import INSTALLATION, demo
from standalone.demo_sizes import SIZES
from standalone.home import Home
from tests.standalone.test_up import environment


def test_on_a_slow_machine_the_smallest_size_is_trained_and_learns(
    server_directory: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    home = server_directory / f"demo-{tmp_path.name}"
    for name, value in environment(home).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(INSTALLATION, "41")
    monkeypatch.setattr(demonstration, "SIZES", SIZES[1:])
    # In so short a time every machine only does the fewest steps of the smallest size.
    demo(
        Home(home), host="127.0.0.1", port=0, device="cpu", precision="fp32", budget_seconds=0.001, stay=False
    )
    told = capfd.readouterr().out
    assert told.count("Training instead: ") == len(SIZES[1:])
    assert "the model has learned from context" in told
    closing = next(line for line in told.splitlines() if line.startswith("Took: "))
    assert closing.startswith("Took: installation 41 s; then ")
    assert re.search(rf"training \({SIZES[-1].fewest} steps .*precision fp32\) \d+ s", closing)
    assert "Opened by transformers" in told
