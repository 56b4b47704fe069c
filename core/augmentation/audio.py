"""Gain, noise, speed and time masks for batches of recordings, each a function of (key, sample).

`draw` draws a few numbers for each sample on the CPU, and they are part of the batch. `augment` applies them on the device
to all samples at once. The silence after a short recording stays silent.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.randomness import derive_seed, uniforms
from core.spec.audio import AudioAugmentation

_GOLDEN = 0x9E3779B97F4A7C15
_LEAST_POWER = 1e-12


def draw(
    spec: AudioAugmentation, key: int, samples: NDArray[np.int64], lengths: NDArray[np.int64], clip: int
) -> tuple[dict[str, Tensor], NDArray[np.int64]]:
    """The parameters of each sample's augmentation, and each sample's length after it.

    Args:
        samples: Sample ids, shape (B,).
        lengths: How many audio samples of the clip belong to the recording, shape (B,).
        clip: Audio samples in a clip: the maximum length of a recording.

    Returns:
        Tensors of shape (B,) for `augment`, without those that change nothing; and the new lengths, shape (B,).
    """
    if spec.is_off:
        return {}, lengths
    speed, gain, snr, noise, width, begin = uniforms(derive_seed(key, "audio"), samples, 1, streams=6)[..., 0]
    drawn: dict[str, Tensor] = {}
    if spec.speed:
        factor = 1.0 + spec.speed * (2.0 * speed - 1.0)
        drawn["speed"] = torch.from_numpy(factor)
        lengths = np.clip((lengths / factor).astype(np.int64), 1, clip)
    if spec.gain_db:
        drawn["gain"] = torch.from_numpy(10.0 ** (spec.gain_db * (2.0 * gain - 1.0) / 20.0)).float()
    if spec.noise_snr_db:
        low, high = min(spec.noise_snr_db), max(spec.noise_snr_db)
        drawn["noise_share"] = torch.from_numpy(10.0 ** (-(low + (high - low) * snr) / 20.0)).float()
        drawn["noise_seed"] = torch.from_numpy((noise * 2.0**53).astype(np.int64))
    if spec.time_mask:
        masked = (width * (spec.time_mask * lengths + 1.0)).astype(np.int64)
        drawn["mask_begin"] = torch.from_numpy((begin * (lengths - masked + 1)).astype(np.int64))
        drawn["mask_length"] = torch.from_numpy(masked)
    return drawn, lengths


def augment(waves: Tensor, lengths: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
    """Recordings of shape (B, L), changed by the parameters from `draw`. ``lengths``, (B,), are the new ones."""
    within = torch.arange(waves.shape[1], device=waves.device) < lengths[:, None]
    if "speed" in drawn:
        waves = change_speed(waves, drawn["speed"]) * within
    if "gain" in drawn:
        waves = waves * drawn["gain"][:, None]
    if "noise_seed" in drawn:
        power = (waves.square() * within).sum(dim=1) / lengths
        level = power.clamp_min(_LEAST_POWER).sqrt() * drawn["noise_share"]
        waves = waves + normals(drawn["noise_seed"], waves.shape[1]) * level[:, None] * within
    if "mask_begin" in drawn:
        since = torch.arange(waves.shape[1], device=waves.device) - drawn["mask_begin"][:, None]
        waves = waves.masked_fill((since >= 0) & (since < drawn["mask_length"][:, None]), 0.0)
    return waves


def change_speed(waves: Tensor, speed: Tensor) -> Tensor:
    """Recordings of shape (B, L) played ``speed`` (B,) times as fast, by cubic interpolation (Catmull and Rom 1974).

    Output sample n is the input at ``n * speed``. After the end of the input the output is 0.
    """
    length = waves.shape[1]
    at = torch.arange(length, device=waves.device, dtype=torch.float64) * speed[:, None]
    whole = at.floor()
    t = (at - whole).to(waves.dtype)
    first = whole.long()
    padded = torch.nn.functional.pad(waves, (1, 3))
    behind_end = first >= length
    first = first.clamp_max(length - 1)
    p0, p1, p2, p3 = (padded.gather(1, first + offset) for offset in range(4))
    cubic = p1 + 0.5 * t * (
        p2 - p0 + t * (2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3 + t * (3.0 * (p1 - p2) + p3 - p0))
    )
    return cubic.masked_fill(behind_end, 0.0)


def normals(seeds: Tensor, length: int) -> Tensor:
    """Standard normal numbers, shape (B, length): a function of each seed (B,) alone, on any device.

    SplitMix64 on 64-bit integers, which wrap around in the same way on every device, and the transform of Box and Muller (1958).
    """
    pairs = -(-length // 2)
    counter = torch.arange(1, 2 * pairs + 1, device=seeds.device) * _signed(_GOLDEN)
    bits = _mix(_mix(seeds)[:, None] + counter)
    uniform = _shifted(bits, 11).double() * 2.0**-53
    first, second = uniform[:, :pairs], uniform[:, pairs:]
    radius = (-2.0 * torch.log1p(-first)).sqrt()
    angle = 2.0 * math.pi * second
    both = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=2).flatten(1)
    return both[:, :length].float()


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shifted(x, 30)) * _signed(0xBF58476D1CE4E5B9)
    x = (x ^ _shifted(x, 27)) * _signed(0x94D049BB133111EB)
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, by: int) -> Tensor:
    """A logical shift to the right, which fills with zeros; the shift of torch fills with the sign bit."""
    return (x >> by) & ((1 << (64 - by)) - 1)


def _signed(constant: int) -> int:
    return constant - 2**64 if constant >= 2**63 else constant
