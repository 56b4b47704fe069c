"""A preview shows the inputs of the networks in training, and nothing else."""

import contextlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from core.augmentation import Views, draw_views, views
from core.checkpoints.bundle import Bundle, Tensors
from core.commands.preview import preview_step
from core.data import Prepared, Samples, SplitName, data_files, sample_indices
from core.data.image import ImageSamples, PreparedImages, prepare
from core.objectives.base import Batch, Losses, Objective, Shown
from core.randomness import derive_seed
from core.spec.augmentation import AugmentationSpec
from core.spec.data import DataSpec
from core.spec.job import JobSpec
from core.spec.training import TrainingSpec
from tests.core.conftest import Engine, Server

SPEC = AugmentationSpec(solarize_probability=0.5)
SIDE = 16


class TwoViews(Objective):
    """Two views of each image through one encoder."""

    def __init__(self, data: PreparedImages) -> None:
        super().__init__()
        self.data = data
        self.views = Views(SPEC, data.mean, data.std)
        self.encoder = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(data, PreparedImages)
        return cls(data)

    def samples(self, split: SplitName) -> Samples:
        return ImageSamples(self.data, split)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        drawn = draw_views(SPEC, samples, key, (SIDE, SIDE), count=2)
        return Batch(
            {"images": torch.from_numpy(rows), **drawn}, count=len(rows), samples=len(rows), tokens=0
        )

    def forward(self, batch: Batch) -> Losses:
        return Losses(self.encoder(self.views(batch.tensors["images"], batch.tensors)).sum(), {})

    def denormalised(self, values: Tensor) -> Tensor:
        return values * self.views.std[:, None, None] + self.views.mean[:, None, None]

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        return {}

    @property
    def bundle(self) -> Bundle:
        return Bundle([], [Tensors()])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> PreparedImages:
    directory = tmp_path_factory.mktemp("pictures")
    dice = np.random.default_rng(0)
    with zipfile.ZipFile(directory / "a.zip", "w") as archive:
        for number in range(12):
            out = io.BytesIO()
            Image.fromarray(dice.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)).save(out, "PNG")
            archive.writestr(f"{number}.png", out.getvalue())
    spec = DataSpec.model_validate({"image": {"size": SIDE}})
    return prepare(data_files([directory], "image"), spec, directory / "cache")


def test_the_shown_views_are_those_of_the_step(pictures: PreparedImages) -> None:
    training = TrainingSpec(steps=9, batch_size=6)
    objective = TwoViews(pictures)
    (shown,) = preview_step(objective, training, step=3, count=4)
    assert (shown.name, shown.media_type) == ("encoder", "image/png")

    samples = ImageSamples(pictures, "train")
    ids = sample_indices(0, 3, 6, len(samples))[:4]
    batch = objective.collate(samples.rows(ids), ids, derive_seed(0, "batch", 3))
    wanted = views(batch.tensors["images"], batch.tensors, SPEC).mul(255).permute(0, 2, 3, 1).numpy()
    with Image.open(io.BytesIO(shown.content)) as image:
        found = np.asarray(image)
    assert found.shape == (2 * SIDE + 2, 4 * (SIDE + 2) - 2, 4)
    for number, view in enumerate(wanted):
        row, column = (place * (SIDE + 2) for place in divmod(number, 4))
        tile = found[row : row + SIDE, column : column + SIDE, :3]
        assert np.abs(tile - view).max() <= 0.51
    assert not any(module._forward_pre_hooks for module in objective.modules())


def test_a_task_may_define_its_own_preview(pictures: PreparedImages) -> None:
    class Says(TwoViews):
        def preview(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Sequence[Shown]:
            return [Shown("said", "text/plain", str(len(rows)).encode())]

    training = TrainingSpec(steps=9, batch_size=6)
    assert [one.content for one in preview_step(Says(pictures), training, step=1, count=5)] == [b"5"]


@pytest.fixture
def previewed(engine_server: Server, cache: Path, tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    """An engine that previews a spec, to its end."""
    with contextlib.ExitStack() as stack:

        def run(spec: dict[str, Any], data: Path, *options: str) -> Engine:
            file = tmp_path / "spec.json"
            file.write_text(json.dumps(spec))
            argv = ["preview", str(file), "--data", str(data), "--out", str(tmp_path / "out")]
            argv += ["--cache", str(cache), "--events-fd", "3", "--threads", "1", *options]
            engine = engine_server.request(argv, tmp_path / "log")
            stack.callback(engine.close)
            engine.end()
            return engine

        yield run


def test_text_shows_its_masks(
    previewed: Callable[..., Engine], spec: dict[str, Any], corpus: Path, tmp_path: Path
) -> None:
    engine = previewed(spec, corpus, "--samples", "3", "--step", "2")
    assert engine.of("finished")[0]["reason"] == "completed"
    (told,) = engine.of("previewed")
    assert told["shown"] == [{"name": "model", "media_type": "text/plain", "file": "model.txt"}]
    path = tmp_path / "out" / "samples" / "step-00000002" / "model.txt"
    assert (told["step"], told["path"]) == (2, str(path.parent))
    text = path.read_text()
    assert text.count("── ") == 3
    assert "[MASK]" in text
    assert text.count("[CLS]") >= 3


def test_without_a_preview_the_error_gives_the_reason(
    previewed: Callable[..., Engine], spec: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "empty.txt").write_text("  ")
    (failed,) = previewed(spec, tmp_path / "empty.txt").of("failed")
    assert failed["code"] == "data_too_small"
