"""Preparing images: what is stored, held out and dropped."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from core.data import DataError, DataFile, SplitName, data_files
from core.data.image import ImageSamples, PreparedImages, open_prepared, prepare
from core.spec.data import DataSpec

Picture = Callable[..., NDArray[np.uint8]]
Png = Callable[..., bytes]
Stored = Callable[..., list[DataFile]]


def spec(**image: Any) -> DataSpec:
    outer = {name: image.pop(name) for name in ("held_out_fraction", "on_bad_sample") if name in image}
    return DataSpec.model_validate({"image": {"size": 16, **image}, **outer})


def everything(prepared: PreparedImages) -> set[bytes]:
    splits: tuple[SplitName, ...] = ("train", "held_out")
    return {image.tobytes() for split in splits for image in prepared.images(split)}


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "loose"])
def test_every_container_gives_the_same_pixels_and_classes(
    name: str, stored: Stored, png: Png, picture: Picture, tmp_path: Path
) -> None:
    members = {
        f"train/{kind}/{n}.png": png(10 * i + n) for i, kind in enumerate(("cat", "dog")) for n in range(5)
    }
    members |= {"test/cat/0.png": png(100), "test/dog/0.png": png(101), "README.md": b"hello"}
    prepared = prepare(stored(name, members), spec(), tmp_path / "cache")

    assert prepared.classes == ("cat", "dog")
    assert prepared.images("train").shape == (10, 16, 16, 3)
    assert prepared.labels("train").tolist() == [0] * 5 + [1] * 5
    assert prepared.labels("held_out").tolist() == [0, 1]
    for row, seed in enumerate([0, 1, 2, 3, 4, 10, 11, 12, 13, 14]):
        assert np.array_equal(prepared.images("train")[row], picture(seed))
    assert np.array_equal(prepared.images("held_out")[1], picture(101))
    assert prepared.own_split


def test_statistics_are_those_of_the_training_split(stored: Stored, png: Png, tmp_path: Path) -> None:
    prepared = prepare(stored("a.zip", {f"{n}.png": png(n) for n in range(30)}), spec(), tmp_path / "cache")
    images = prepared.images("train").reshape(-1, 3) / 255.0
    assert prepared.mean == pytest.approx(images.mean(0))
    assert prepared.std == pytest.approx(images.std(0))
    assert prepared.classes == ()
    assert set(prepared.labels("train").tolist()) == {-1}


def test_the_same_images_are_held_out_as_the_dataset_grows(stored: Stored, png: Png, tmp_path: Path) -> None:
    few = prepare(
        stored("few.zip", {f"{n}.png": png(n) for n in range(40)}),
        spec(held_out_fraction=0.3),
        tmp_path / "c",
    )
    many = prepare(
        stored("many.zip", {f"new/{n}.png": png(n) for n in range(80)}),
        spec(held_out_fraction=0.3),
        tmp_path / "c",
    )
    held_out = {image.tobytes() for image in few.images("held_out")}
    assert 3 <= few.held_out <= 22
    assert held_out <= {image.tobytes() for image in many.images("held_out")}
    assert everything(few) <= everything(many)


def test_duplicates_are_dropped_and_never_in_both_splits(stored: Stored, png: Png, tmp_path: Path) -> None:
    members = {
        "train/a/0.png": png(0),
        "train/a/1.png": png(1),
        "train/a/2.png": png(2),
        "train/b/0.png": png(0),
    }
    members |= {"test/a/1.png": png(1), "test/b/9.png": png(9)}
    prepared = prepare(stored("a.zip", members), spec(), tmp_path / "cache")
    assert (prepared.train, prepared.held_out, prepared.duplicates) == (2, 2, 2)
    train = {image.tobytes() for image in prepared.images("train")}
    assert not train & {image.tobytes() for image in prepared.images("held_out")}


def test_a_small_dataset_has_both_splits(stored: Stored, png: Png, tmp_path: Path) -> None:
    prepared = prepare(stored("a.zip", {"a.png": png(1), "b.png": png(2)}), spec(), tmp_path / "cache")
    assert (prepared.train, prepared.held_out) == (1, 1)
    with pytest.raises(DataError, match="1 different usable image;") as caught:
        prepare(stored("b.zip", {"a.png": png(1), "b.png": png(1)}), spec(), tmp_path / "cache")
    assert caught.value.code == "data_too_small"
    with pytest.raises(DataError, match="of held-out splits"):
        prepare(stored("c.zip", {"test/a.png": png(1), "test/b.png": png(2)}), spec(), tmp_path / "cache")


def test_prepared_data_is_reused_and_damaged_data_is_rebuilt(
    stored: Stored, png: Png, tmp_path: Path
) -> None:
    files = stored("a.zip", {f"{n}.png": png(n) for n in range(9)})
    first = prepare(files, spec(), tmp_path / "cache")
    again = prepare(files, spec(), tmp_path / "cache")
    assert (first.cached, again.cached) == (False, True)
    assert first.key == again.key
    before = everything(first)
    (first.directory / "train.images").write_bytes(b"")
    assert open_prepared(first.directory) is None
    mended = prepare(files, spec(), tmp_path / "cache")
    assert not mended.cached
    assert everything(mended) == before
    assert prepare(files, spec(size=8), tmp_path / "cache").key != first.key


def test_bad_samples_are_refused_above_one_percent_or_skipped(
    stored: Stored, png: Png, tmp_path: Path
) -> None:
    members = {f"{n:03}.png": png(n) for n in range(99)}
    damaged = png(500)[:-60]
    one = stored("one.zip", {**members, "x/broken.png": damaged})
    prepared = prepare(one, spec(), tmp_path / "cache")
    assert (prepared.bad, prepared.train + prepared.held_out) == (1, 99)
    assert prepared.skipped[0].sample == "one.zip (x/broken.png)"
    assert prepared.facts["bad"] == 1

    two = stored("two.zip", {**members, "x/broken.png": damaged, "y.jpg": b"no picture"})
    with pytest.raises(DataError, match=r"2 of 101 images .* two\.zip \(x/broken\.png\)") as caught:
        prepare(two, spec(), tmp_path / "cache")
    assert caught.value.code == "too_many_bad_samples"
    assert "on_bad_sample" in caught.value.hint
    kept = prepare(two, spec(on_bad_sample="skip"), tmp_path / "cache")
    assert everything(kept) == everything(prepared)
    assert kept.bad == 2


def test_a_table_as_hugging_face_writes_it(png: Png, picture: Picture, tmp_path: Path) -> None:
    def write(name: str, seeds: list[int], labels: list[int | None]) -> None:
        column = pa.array(
            [{"bytes": png(seed), "path": f"{seed}.png"} for seed in seeds],
            pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        )
        table = pa.table({"img": column, "label": pa.array(labels, pa.int64())})
        names = '{"info": {"features": {"label": {"names": ["plane", "bird"], "_type": "ClassLabel"}}}}'
        pq.write_table(table.replace_schema_metadata({"huggingface": names}), tmp_path / name)

    write("train-00000-of-00001.parquet", [1, 2, 3], [1, 0, None])
    write("test-00000-of-00001.parquet", [7], [1])
    prepared = prepare(data_files([*tmp_path.glob("*.parquet")], "image"), spec(), tmp_path / "cache")
    assert prepared.classes == ("bird", "plane")
    assert prepared.labels("train").tolist() == [0, 1, -1]
    assert np.array_equal(prepared.images("train")[2], picture(3))
    assert np.array_equal(prepared.images("held_out")[0], picture(7))
    assert prepared.labels("held_out").tolist() == [0]


def test_idx_files_and_their_labels(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 16, 16), dtype=np.uint8)
    for part, chosen in (("train", slice(0, 10)), ("t10k", slice(10, 12))):
        pixels, labels = images[chosen], np.arange(12, dtype=np.uint8)[chosen]
        for name, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            (tmp_path / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))
    prepared = prepare(data_files([tmp_path], "image"), spec(channels=1), tmp_path / "cache")
    assert np.array_equal(prepared.images("train")[..., 0], images[:10])
    assert np.array_equal(prepared.images("held_out")[..., 0], images[10:])
    assert prepared.classes == tuple(map(str, range(12)))
    assert prepared.labels("held_out").tolist() == [10, 11]


def test_samples_by_index(stored: Stored, png: Png, tmp_path: Path) -> None:
    prepared = prepare(stored("a.zip", {f"{n}.png": png(n) for n in range(9)}), spec(), tmp_path / "cache")
    samples = ImageSamples(prepared, "train")
    rows = samples.rows(np.array([2, 0, 2]))
    assert rows.shape == (3, 16, 16, 3)
    assert np.array_equal(rows, prepared.images("train")[[2, 0, 2]])
    with pytest.raises(IndexError):
        samples.rows(np.array([len(samples)]))
    with pytest.raises(DataError, match=r"needed.*") as caught:
        samples.require(10)
    assert "batch_size" in caught.value.hint
