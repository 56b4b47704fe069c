"""The benchmark of forgetting: its data, its specs, and what it computes from the measures."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.forget import images, language
from benchmarks.forget.lineage import Stage
from core.data import data_files, prepare_for
from core.data.image import PreparedImages
from core.spec.problems import validate


def _idx(path: Path, values: NDArray[np.uint8]) -> None:
    with gzip.open(path, "wb") as file:
        file.write(struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes())


@pytest.fixture
def fashion(tmp_path: Path) -> Path:
    """Files as those of Fashion-MNIST, with 5 training images and 2 others of each class."""
    dice, source = np.random.default_rng(0), tmp_path / "fashion"
    source.mkdir()
    for split, count in (("train", 50), ("t10k", 20)):
        _idx(
            source / f"{split}-images-idx3-ubyte.gz", dice.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        )
        _idx(source / f"{split}-labels-idx1-ubyte.gz", (np.arange(count) % 10).astype(np.uint8))
    return source


def test_each_stage_has_two_classes_and_both_splits(fashion: Path, tmp_path: Path) -> None:
    assert images.find(fashion) == fashion
    directories = images.write_stages(fashion, tmp_path / "stages")
    job = validate(images.spec(0, 1))
    found = [prepare_for(job, data_files([one], "image"), tmp_path / "cache") for one in directories]
    assert all(isinstance(one, PreparedImages) for one in found)
    classes: Any = [(one.classes, one.train, one.held_out) for one in found]  # type: ignore[attr-defined]
    assert classes == [((str(2 * n), str(2 * n + 1)), 10, 4) for n in range(5)]


def test_what_to_install_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "INSTALLED", tmp_path / "nowhere")
    with pytest.raises(SystemExit, match="apt install dataset-fashion-mnist"):
        images.find(tmp_path)
    with pytest.raises(SystemExit, match=r"tinyshakespeare\.txt does not exist; --data"):
        language.require(tmp_path)


def test_the_specs_of_all_methods_are_valid() -> None:
    ancestors = {"ancestors": [{"job": "before", "data": {}}]}
    for method in images.METHODS:
        for scenario in images.SCENARIOS:
            section = images.section_of(method, 2) | {"scenario": scenario} | ancestors
            validate(images.spec(1, 5) | {"start": {"scope": "weights"}, "continual": section})
    for against in language.METHODS.values():
        section = {**against, **ancestors}
        validate(language.spec(1, language.SECOND) | {"start": {"scope": "weights"}, "continual": section})
    validate(language.spec(1, language.FIRST))


def _stage(**bits: float) -> Stage:
    measured = {name: {"eval/bits_per_byte": value, "eval/accuracy": value} for name, value in bits.items()}
    return Stage("any", Path(), Path(), {}, start={"eval/bits_per_byte": 4.5}, measured=measured)


def test_forgetting_and_plasticity_are_positive_where_much_is_forgotten_and_learned() -> None:
    before, after = _stage(python=2.5), _stage(python=3.25, shakespeare=2.75)
    assert language.forgetting(before, after) == pytest.approx(0.75)
    assert language.plasticity(after) == pytest.approx(1.75)
    assert images.average_accuracy(after) == pytest.approx(3.0)
