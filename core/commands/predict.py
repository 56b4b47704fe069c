"""The command ``predict``: keeps models loaded and answers requests (`core.prediction.serving`) until its client leaves."""

import contextlib
import os
import resource
import socket
from dataclasses import dataclass
from pathlib import Path

import torch

from core.prediction.serving import Server

_OVERHEAD_BYTES = 2 << 30
"""Private memory that a prediction may take besides the weights of the loaded models."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line's options."""

    fd: int
    memory_bytes: int
    threads: int
    nice: int


def predict(options: Options) -> int:
    """Serve on the connected Unix socket ``fd``, on the CPU.

    Returns:
        The exit code, 0.
    """
    _restrict(options)
    torch.set_num_threads(options.threads)
    with socket.socket(fileno=options.fd) as connection, contextlib.suppress(ConnectionError):
        Server(connection, options.memory_bytes).run()
    return 0


def _restrict(options: Options) -> None:
    """Limit this process by the kernel, since it decodes what people send, and trainings of the machine have priority."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    os.nice(options.nice)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # While a model is loaded its weights are in memory twice.
    limit = _private_bytes() + 2 * options.memory_bytes + _OVERHEAD_BYTES
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _private_bytes() -> int:
    """Private memory of this process at present, as ``RLIMIT_DATA`` counts it."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
