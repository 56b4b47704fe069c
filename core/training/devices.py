"""The device on which a run computes, and its precision."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from core.errors import EngineError

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True, slots=True)
class Place:
    """A device, its name for people, and the precision of matrix products."""

    device: torch.device
    name: str
    precision: Precision

    @contextlib.contextmanager
    def autocast(self) -> Iterator[None]:
        """A context in which forward passes multiply matrices in this precision."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            yield


def choose_place(wanted: Literal["auto", "cpu", "cuda"], precision: Literal["auto", "fp32", "bf16"]) -> Place:
    """The device and the precision that a spec's settings give on this machine.

    Raises:
        EngineError: ``device_unavailable`` where a GPU is asked for and none is usable.
    """
    device = _choose_device(wanted)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor_name()
    if precision == "auto":
        precision = "bf16" if _multiplies_bf16(device) else "fp32"
    return Place(device, name, precision)


def make_deterministic() -> None:
    """Make equal inputs give equal bits, which bit-exact resuming requires.

    Costs nothing on a CPU; on CUDA, operations that add in an arbitrary order are replaced by ones with a fixed order.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    # Filling new memory with NaN finds reads of uninitialised memory, but slows every step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _choose_device(wanted: Literal["auto", "cpu", "cuda"]) -> torch.device:
    if wanted == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    if wanted == "auto":
        return torch.device("cpu")
    reason = (
        "this PyTorch is built without CUDA" if torch.version.cuda is None else "no usable GPU is visible"
    )
    raise EngineError(
        "device_unavailable",
        f"resources.device is cuda, but {reason}.",
        "Run on a machine with a GPU, or set resources.device to auto or cpu.",
        reason=reason,
    )


def _multiplies_bf16(device: torch.device) -> bool:
    """Whether the hardware itself has bf16 arithmetic; where it is emulated, autocast only makes steps slower.

    An x86 processor has it among its AVX-512 instructions, which PyTorch does not use where ``ATEN_CPU_CAPABILITY``
    disables them.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    names = ["bf16", "sve_bf16"]
    if torch.backends.cpu.get_cpu_capability() == "AVX512":
        names += ["avx512_bf16", "amx_bf16"]
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in names)


def _processor_name() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return str(torch.cpu.get_capabilities().get("architecture", "cpu"))
