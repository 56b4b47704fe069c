"""Small pictures, made here, in archives of every kind."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.data import DataFile, data_files


def encoded(pixels: NDArray[np.uint8], kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


@pytest.fixture(scope="session")
def picture() -> Callable[..., NDArray[np.uint8]]:
    """``picture(seed)``: a random picture, (H, W, 3), its own for each seed."""

    def make(seed: int, height: int = 16, width: int = 16) -> NDArray[np.uint8]:
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return make


@pytest.fixture(scope="session")
def png(picture: Callable[..., NDArray[np.uint8]]) -> Callable[..., bytes]:
    """``png(seed)``: that picture as a file."""
    return lambda seed, height=16, width=16: encoded(picture(seed, height, width))


@pytest.fixture
def stored(tmp_path: Path) -> Callable[..., list[DataFile]]:
    """``stored("a.zip", members)``: a dataset of one archive, or of loose files below ``tmp_path/loose``."""

    def files(name: str, members: Mapping[str, bytes]) -> list[DataFile]:
        path = tmp_path / name
        if name.endswith(".zip"):
            with zipfile.ZipFile(path, "w") as archive:
                for member, content in members.items():
                    archive.writestr(member, content)
        elif ".tar" in name or name.endswith(".tgz"):
            with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as tar:
                for member, content in members.items():
                    info = tarfile.TarInfo(member)
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
        else:
            for member, content in members.items():
                (path / member).parent.mkdir(parents=True, exist_ok=True)
                (path / member).write_bytes(content)
        return data_files([path], "image")

    return files
