"""The memory limit of an engine: checks the memory of the engine and all its children against the job's estimate.

The estimate counts the least memory that a job needs (`core.spec.estimate`). The limit adds a margin for what does not grow with the
job (PyTorch, evaluation, a checkpoint that is being written), and for the estimate's own error. It lies far above what an ordinary run
takes: it ends only a job that got around its estimate, before that job takes the memory of the machine's other jobs.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control.jobs.service import Claim, Failed
from core.spec.job import JobSpec
from core.spec.stored import stored
from worker.device import Machine, usable_memory

RUNTIME_BYTES = {"cpu": 4 << 30, "cuda": 16 << 30}
"""Bytes of main memory for what does not grow with the job; a GPU's driver keeps copies there."""
ESTIMATE_FACTOR = 3
"""Limit as a multiple of the estimate."""
FEATURE_BYTES = 64
"""Bytes for each number of a measured sample's features: float64, with the copies of standardising and of the SVD."""
SAMPLE_BYTES = 256
"""Bytes for each sample of the training split: its position, its packing, its class."""
LOOK_SECONDS = 1.0
"""Seconds between two measurements."""
_COUNTS = ("documents", "images", "recordings")
"""Fields of the engine's event ``prepared`` that count samples."""


@dataclass
class MemoryLimit:
    """The memory limit of one attempt.

    Attributes:
        admitted: Bytes of the job's estimate.
        bytes: Bytes that the engine may take; while the data is prepared, all of the worker's memory.
        training: Bytes that it may take once the data is prepared, without what grows with the samples.
        reached: Bytes that it took when it was over the limit.
    """

    admitted: int
    bytes: int
    training: int
    spec: JobSpec
    reached: int | None = None

    @classmethod
    def of(cls, claim: Claim, machine: Machine) -> "MemoryLimit":
        """The limit of an attempt that begins now.

        A batch size that is found by trial fills the worker's memory, and so does an estimate of the largest batch size.
        """
        most = RUNTIME_BYTES[machine.device] + ESTIMATE_FACTOR * claim.memory_bytes
        everything = max(most, usable_memory())
        finds_out = claim.spec.get("training", {}).get("batch_size") == "auto" or claim.purpose != "train"
        spec = stored(claim.spec)
        return cls(claim.memory_bytes, everything, everything if finds_out else most, spec)

    def handle(self, event: Mapping[str, Any]) -> None:
        """Handle an event of the engine: once the data is prepared, the job's own limit applies."""
        if event["event"] == "prepared":
            training, held_out = _samples(self.spec, event, ""), _samples(self.spec, event, "_held_out")
            self.bytes = (
                self.training + SAMPLE_BYTES * training + examination_bytes(self.spec, training, held_out)
            )

    def reach(self, pid: int) -> bool:
        """Whether a process and its children take more than the limit; sets `reached` if so."""
        if self.reached is None and (taken := memory_of(pid)) > self.bytes:
            self.reached = taken
        return self.reached is not None

    def failure(self, step: int, exit_code: int | None) -> Failed:
        """The failure of a job whose engine was over the limit."""
        assert self.reached is not None
        return Failed(
            "out_of_memory",
            f"The engine took {_mib(self.reached)} of memory by step {step} and was ended: the job was admitted with an "
            f"estimate of {_mib(self.admitted)}, and its limit was {_mib(self.bytes)}.",
            "Lower training.batch_size, training.sequence_length, the evaluation's or the probes' samples, or the model's size. "
            "Where the job is an ordinary one, the estimate is wrong: please report it with the spec.",
            details={
                "case": "limit",
                "step": step,
                "taken_bytes": self.reached,
                "limit_bytes": self.bytes,
                "estimated_bytes": self.admitted,
            },
            exit_code=exit_code,
        )


def _samples(spec: JobSpec, event: Mapping[str, Any], part: str) -> int:
    """The most documents, images or clips that a split has."""
    count = sum(int(event.get(f"{name}{part}", 0)) for name in _COUNTS)
    # The number of clips that cover each recording.
    return count + int(3600 * event.get(f"hours{part}", 0) / spec.data.audio.clip_seconds)


def examination_bytes(spec: JobSpec, training: int, held_out: int) -> int:
    """The most bytes that measures of the representation take beyond the estimate.

    Args:
        training: Number of samples of the training split.
        held_out: Number of samples of the held-out split.
    """
    width = spec.network_size.feature_width or 0
    measured = min(spec.training.probe_samples, training) + min(spec.training.evaluation_sequences, held_out)
    return FEATURE_BYTES * width * measured


def memory_of(pid: int) -> int:
    """Private bytes of a process and all its children, without mapped files, whose pages the system can drop."""
    return _own(pid) + sum(memory_of(child) for child in _children(pid))


def _children(pid: int) -> list[int]:
    """Process ids of the children, read from ``/proc/PID/task``: listing all processes of a busy machine takes too long."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended meanwhile
            found += [int(child) for child in path.read_text(encoding="ascii").split()]
    return found


def _own(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return sum(1024 * int(fields.get(name, "0").split()[0]) for name in ("RssAnon", "RssShmem"))


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
