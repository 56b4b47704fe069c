"""Images on disk as one array of bytes, processed some megabytes at a time."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TRAIN_IMAGES = "train.images"
HELD_OUT_IMAGES = "held_out.images"
_CHUNK_BYTES = 32 << 20

Shape = tuple[int, int, int]
"""Height, width, channels."""


def split_images(
    directory: Path, held_out: NDArray[np.bool_], train: NDArray[np.bool_], shape: Shape
) -> None:
    """Move the images chosen by ``held_out``, (N,), out of ``train.images``, and keep the ones chosen by ``train``.

    In place, so that the disk need not hold all of them twice.
    """
    path = directory / TRAIN_IMAGES
    images = np.memmap(path, np.uint8, mode="r+", shape=(len(train), *shape))
    kept = 0
    with (directory / HELD_OUT_IMAGES).open("wb") as other:
        for chunk in _chunks(len(train), shape):
            rows = np.array(images[chunk])
            other.write(rows[held_out[chunk]].tobytes())
            stay = rows[train[chunk]]
            images[kept : kept + len(stay)] = stay
            kept += len(stay)
    images.flush()
    del images
    os.truncate(path, kept * int(np.prod(shape)))


def channel_statistics(directory: Path, shape: tuple[int, int, int, int]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of ``train.images``, 0 … 1. Exact: computed from a histogram of the values."""
    images = np.memmap(directory / TRAIN_IMAGES, np.uint8, mode="r", shape=shape)
    channels = shape[-1]
    counts = np.zeros((channels, 256), np.int64)
    for chunk in _chunks(shape[0], shape[1:]):
        rows = images[chunk].reshape(-1, channels)
        for channel in range(channels):
            counts[channel] += np.bincount(rows[:, channel], minlength=256)
    values = np.arange(256) / 255.0
    shares = counts / counts.sum(axis=1, keepdims=True)
    mean = shares @ values
    variance = (shares * (values - mean[:, None]) ** 2).sum(axis=1)
    return mean.tolist(), np.sqrt(variance).tolist()


def _chunks(count: int, shape: Shape) -> Iterator[slice]:
    size = max(1, _CHUNK_BYTES // int(np.prod(shape)))
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
