"""Small data for runs in this process, and torch as it was behind them."""

import json
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics

import pytest
import torch

from tests.core.objectives.image_tasks import coloured_pictures


@pytest.fixture(autouse=True)
def _torch_as_it_was() -> Iterator[None]:
    """A run sets torch up for its process, which here is the tests' own; small tensors gain nothing by more threads."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


@pytest.fixture(scope="session")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents so short that a row holds several."""
    path = tmp_path_factory.mktemp("sentences") / "sentences.jsonl"
    lines = {" ".join(line.split()) for topic in topics.values() for line in topic.splitlines()}
    chosen = sorted(line for line in lines if 10 < len(line) < 25)[:400]
    path.write_text("".join(json.dumps({"text": line}) + "\n" for line in chosen))
    return path


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Discs and squares, 64 of them."""
    return coloured_pictures(tmp_path_factory.mktemp("pictures") / "pictures.zip")
