"""A small real corpus, prepared once."""

import pydoc_data.topics
from collections.abc import Callable
from pathlib import Path

import pytest

from core.data import DataFile, data_files
from core.data.text import PreparedText, prepare
from core.spec.data import DataSpec


@pytest.fixture(scope="session")
def topics() -> list[str]:
    """About 60 pages of Python's manual."""
    return [page for _, page in sorted(pydoc_data.topics.topics.items())][:60]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory, topics: list[str]) -> list[DataFile]:
    path = tmp_path_factory.mktemp("corpus") / "topics.txt"
    path.write_text("\f".join(topics))
    return data_files([path])


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, corpus: list[DataFile]) -> PreparedText:
    spec = DataSpec.model_validate({"tokenizer": {"vocabulary_size": 1000}, "held_out_fraction": 0.2})
    return prepare(corpus, spec, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., list[DataFile]]:
    """Files with given contents."""

    def files(**contents: str | bytes) -> list[DataFile]:
        paths = []
        for name, content in contents.items():
            path = tmp_path / name.replace("__", ".")
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            paths.append(path)
        return data_files(paths)

    return files
