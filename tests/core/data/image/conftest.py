"""Small generated pictures, in archives of every kind."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.data import DataFile, data_files
from tests.core.archives import store


def encoded(pixels: NDArray[np.uint8], kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


@pytest.fixture(scope="session")
def picture() -> Callable[..., NDArray[np.uint8]]:
    """``picture(seed)``: a random picture, (H, W, 3), another one for each seed."""

    def make(seed: int, height: int = 16, width: int = 16) -> NDArray[np.uint8]:
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return make


@pytest.fixture(scope="session")
def png(picture: Callable[..., NDArray[np.uint8]]) -> Callable[..., bytes]:
    """``png(seed)``: the picture as a PNG."""
    return lambda seed, height=16, width=16: encoded(picture(seed, height, width))


@pytest.fixture
def stored(tmp_path: Path) -> Callable[..., list[DataFile]]:
    """``stored("a.zip", members)``: a dataset of one archive, or of loose files below ``tmp_path/loose``."""

    def files(name: str, members: Mapping[str, bytes]) -> list[DataFile]:
        store(tmp_path / name, members)
        return data_files([tmp_path / name], "image")

    return files
