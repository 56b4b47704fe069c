"""Peak FLOPs of the device: the denominator of model FLOPs utilisation (MFU)."""

import time
from dataclasses import dataclass

import torch

from core.training.devices import Place

_PUBLISHED_BF16 = (
    # Dense, without sparsity; from the manufacturers' data sheets. The first entry that is a prefix of the device's
    # name applies.
    ("NVIDIA H100 PCIe", 756e12),
    ("NVIDIA H100 NVL", 835e12),
    ("NVIDIA H100", 989.4e12),
    ("NVIDIA H200", 989.4e12),
    ("NVIDIA A100", 312e12),
    ("NVIDIA L40S", 362e12),
    ("NVIDIA L4", 121e12),
    ("NVIDIA A10G", 70e12),
)
_SIZE = {"cpu": 1024, "cuda": 8192}
_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Peak:
    """Floating-point operations per second, and the source of the number."""

    flops_per_s: float
    how: str


def device_peak(place: Place) -> Peak:
    """The published bf16 peak if it is known, otherwise the fastest matrix product measured on this device."""
    if place.precision == "bf16" and place.device.type == "cuda":
        for name, flops in _PUBLISHED_BF16:
            if place.name.startswith(name):
                return Peak(flops, f"published for {name}, dense bf16")
    return measured_peak(place)


def measured_peak(place: Place) -> Peak:
    """The fastest of the products of two square matrices done within half a second, in the place's precision."""
    size = _SIZE.get(place.device.type, 1024)
    dtype = torch.bfloat16 if place.precision == "bf16" else torch.float32
    a, b = (torch.randn(size, size, device=place.device).to(dtype) for _ in range(2))
    best, until = float("inf"), time.perf_counter() + _SECONDS
    with torch.no_grad():
        torch.mm(a, b)
        while best == float("inf") or time.perf_counter() < until:
            _wait(place.device)
            started = time.perf_counter()
            torch.mm(a, b)
            _wait(place.device)
            best = min(best, time.perf_counter() - started)
    where = f"{torch.get_num_threads()} threads" if place.device.type == "cpu" else "the device"
    return Peak(
        2.0 * size**3 / best,
        f"measured: the fastest product of {size} by {size} matrices in {place.precision} on {where}",
    )


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
