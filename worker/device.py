"""Finds the device, its memory and its threads on this machine, without loading torch."""

import importlib.metadata
import os
import platform
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import psutil

Device = Literal["cpu", "cuda"]
DeviceChoice = Literal["auto", "cpu", "cuda"]


class NoDeviceError(RuntimeError):
    """The chosen device does not exist on this machine; the message says what is missing."""


@dataclass(frozen=True)
class Machine:
    """The description of a worker's machine, as ``control.workers`` registers it.

    Attributes:
        memory_bytes: Of the device: GPU memory, or what this process may use of the machine's.
        threads: CPU threads that the engine computes with.
    """

    name: str
    device: Device
    device_name: str
    memory_bytes: int
    threads: int
    version: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Gpu:
    name: str
    memory_bytes: int


def describe(choice: DeviceChoice) -> Machine:
    """The description of this machine for a worker with the chosen device.

    Raises:
        NoDeviceError: ``cuda`` was chosen, and there is no GPU, or a torch that cannot use it.
    """
    gpu = None if choice == "cpu" else find_gpu()
    if choice == "cuda" and gpu is None:
        raise NoDeviceError(
            "No NVIDIA GPU answers through nvidia-smi here. Check the driver and CUDA_VISIBLE_DEVICES, "
            "or start the worker with --device cpu."
        )
    if gpu is not None and not torch_has_cuda():
        if choice == "cuda":
            raise NoDeviceError(
                "There is a GPU, but the installed torch is built without CUDA. Install a CUDA build of torch, "
                "or start the worker with --device cpu."
            )
        gpu = None
    return Machine(
        name=f"{socket.gethostname()}:{os.getpid()}",
        device="cpu" if gpu is None else "cuda",
        device_name=cpu_name() if gpu is None else gpu.name,
        memory_bytes=usable_memory() if gpu is None else gpu.memory_bytes,
        threads=usable_threads(),
        version=installed_version("seedbed-server"),
        details={
            "python": platform.python_version(),
            "torch": installed_version("torch"),
            "platform": platform.platform(),
        },
    )


def installed_version(distribution: str) -> str:
    """The version of an installed distribution; ``source`` where the code runs from a checkout that is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "source"


def find_gpu() -> Gpu | None:
    """The first NVIDIA GPU that ``CUDA_VISIBLE_DEVICES`` leaves visible."""
    program = shutil.which("nvidia-smi")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if program is None or visible in {"", "-1", "none", "NoDevFiles"}:
        return None
    first = ["--id", visible.split(",")[0]] if visible else []
    try:
        output = subprocess.run(  # noqa: S603 - found on the PATH
            [program, *first, "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout
        name, mebibytes = output.splitlines()[0].rsplit(",", 1)
        return Gpu(name.strip(), int(mebibytes) << 20)
    except (OSError, subprocess.SubprocessError, IndexError, ValueError):
        return None


def torch_has_cuda() -> bool:
    """Whether the installed torch was built for CUDA, read from its version file."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    version = Path(spec.origin).with_name("version.py").read_text()
    return re.search(r"^cuda\b[^=]*=\s*['\"]", version, re.MULTILINE) is not None


def cpu_name() -> str:
    """The processor's name, such as ``AMD EPYC 9B14``; the architecture where the system gives no name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def usable_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its control group's limit."""
    limits = [psutil.virtual_memory().total]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):
            continue  # no such group, or "max"
    return min(limits)


def usable_threads() -> int:
    """``OMP_NUM_THREADS`` where it is set; else the CPUs that this process may run on, its quota considered."""
    if (chosen := os.environ.get("OMP_NUM_THREADS", "")).isdigit() and int(chosen) > 0:
        return int(chosen)
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        count = min(count, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no quota
    return count
