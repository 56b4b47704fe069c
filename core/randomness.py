"""Random numbers as a function of their purpose, independent of what was drawn before.

The seed for each purpose is a hash of the job's seed and the purpose, and the numbers for each sample are computed from a
counter. So step k draws the same numbers however often the run was killed and resumed before, however the batch is split
into micro-batches, and whichever process draws them.
"""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, for example ``derive_seed(seed, "dropout", step, part)``."""
    text = repr((seed, *purpose)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little") >> 1


def seed_torch(seed: int, *purpose: str | int) -> None:
    """Seed torch's generators, which dropout draws from, for one purpose."""
    torch.manual_seed(derive_seed(seed, *purpose))


def uniforms(key: int, samples: NDArray[np.int64], length: int, streams: int) -> NDArray[np.float64]:
    """Independent uniform numbers in [0, 1) for each position of each sample.

    SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"), with one
    sequence for each (key, sample). Its k-th output is computed without the ones before it.

    Args:
        key: From `derive_seed`, for one step and purpose.
        samples: Sample ids, shape (B,).
        length: Positions of a sample, L.
        streams: Numbers for each position, S.

    Returns:
        Shape (S, B, L).
    """
    start = _mix(_mix(samples.astype(np.uint64) + _GOLDEN) ^ np.uint64(key))
    counter = np.arange(1, streams * length + 1, dtype=np.uint64).reshape(streams, 1, length)
    bits = _mix(start[None, :, None] + counter * _GOLDEN)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normals(key: int, samples: NDArray[np.int64], length: int) -> NDArray[np.float32]:
    """Independent standard normal numbers for each position of each sample, shape (B, L).

    The transform of Box and Muller 1958, on the `uniforms` of the same key.
    """
    pairs = (length + 1) // 2
    radius, angle = uniforms(key, samples, pairs, streams=2)
    radius = np.sqrt(-2.0 * np.log1p(-radius))
    angle = 2.0 * np.pi * angle
    both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return both[:, :length].astype(np.float32)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
