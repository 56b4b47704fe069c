"""Small generated recordings, in archives of every kind."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from core.data import DataFile, data_files
from tests.core.archives import store

Samples = NDArray[np.float64]


@pytest.fixture(scope="session")
def tone() -> Callable[..., Samples]:
    """``tone(440, seconds, rate)``: a sine of half of full scale."""

    def make(hertz: float, seconds: float = 0.2, rate: int = 8000) -> Samples:
        return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)

    return make


@pytest.fixture(scope="session")
def wav() -> Callable[..., bytes]:
    """``wav(samples, rate, kind, subtype)``: samples as a file."""

    def encode(
        samples: NDArray[Any], rate: int = 8000, kind: str = "WAV", subtype: str | None = None
    ) -> bytes:
        out = io.BytesIO()
        soundfile.write(out, samples, rate, format=kind, subtype=subtype)
        return out.getvalue()

    return encode


@pytest.fixture
def stored(tmp_path: Path) -> Callable[..., list[DataFile]]:
    """``stored("a.zip", members)``: a dataset of one archive, or of loose files below ``tmp_path/loose``."""

    def files(name: str, members: Mapping[str, bytes]) -> list[DataFile]:
        store(tmp_path / name, members)
        return data_files([tmp_path / name], "audio")

    return files
