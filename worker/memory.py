"""An engine is held to the memory that its job was admitted with: a watch over its whole session.

What the estimate counts is the least that cannot be done without (`core.spec.estimate`). Beside it there is room for what does not
grow with the job (PyTorch, evaluation, a checkpoint on its way out), and for the estimate's own error. Only what no honest run
comes near is ended, so that a job whose estimate was got around takes itself down and not the machine's other jobs.
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
"""Of main memory, for what does not grow with the job; a GPU's driver keeps copies there."""
ESTIMATE_FACTOR = 3
"""Of the estimate."""
FEATURE_BYTES = 64
"""For each number of a measured sample's features: in double precision, with the copies of standardising and of singular values."""
SAMPLE_BYTES = 256
"""For each sample of the training part: where it lies, how it is packed, what class it has."""
LOOK_SECONDS = 1.0
"""Between two looks."""
_COUNTS = ("documents", "images", "recordings")
"""Of the engine's event ``prepared``."""


@dataclass
class MemoryLimit:
    """Of one attempt.

    Attributes:
        admitted: Bytes that the job was estimated to take.
        bytes: That its engine may take; more is none of the job's, while the data is prepared as much as the worker has.
        training: That it may take once the data is prepared, beside what grows with the samples.
        reached: What it took, once it was too much.
    """

    admitted: int
    bytes: int
    training: int
    spec: JobSpec
    reached: int | None = None

    @classmethod
    def of(cls, claim: Claim, machine: Machine) -> "MemoryLimit":
        """For an attempt that begins now.

        A batch that is found by trial fills what the worker has, and so does an estimate of the largest one.
        """
        most = RUNTIME_BYTES[machine.device] + ESTIMATE_FACTOR * claim.memory_bytes
        everything = max(most, usable_memory())
        finds_out = claim.spec.get("training", {}).get("batch_size") == "auto" or claim.purpose != "train"
        spec = stored(claim.spec)
        return cls(claim.memory_bytes, everything, everything if finds_out else most, spec)

    def told(self, event: Mapping[str, Any]) -> None:
        """From the engine: once the data is prepared, the job's own limit counts."""
        if event["event"] == "prepared":
            training, held_out = _samples(self.spec, event, ""), _samples(self.spec, event, "_held_out")
            self.bytes = (
                self.training + SAMPLE_BYTES * training + examination_bytes(self.spec, training, held_out)
            )

    def reach(self, pid: int) -> bool:
        """Whether a process and its children take more than the limit; if so, `reached` says so from then on."""
        if self.reached is None and (taken := memory_of(pid)) > self.bytes:
            self.reached = taken
        return self.reached is not None

    def failure(self, step: int, exit_code: int | None) -> Failed:
        """What the job ends with."""
        assert self.reached is not None
        return Failed(
            "out_of_memory",
            f"The engine took {_mib(self.reached)} of memory by step {step} and was ended: the job was admitted with an "
            f"estimate of {_mib(self.admitted)}, and its limit was {_mib(self.bytes)}.",
            "Lower training.batch_size, training.sequence_length, the evaluation's or the probes' samples, or the model's size. "
            "Where the job is an ordinary one, the estimate is wrong: please report it with the spec.",
            details={
                "step": step,
                "taken_bytes": self.reached,
                "limit_bytes": self.bytes,
                "estimated_bytes": self.admitted,
            },
            exit_code=exit_code,
        )


def _samples(spec: JobSpec, event: Mapping[str, Any], part: str) -> int:
    """How many documents, images or clips a part has, at most."""
    count = sum(int(event.get(f"{name}{part}", 0)) for name in _COUNTS)
    # As many clips as cover each recording.
    return count + int(3600 * event.get(f"hours{part}", 0) / spec.data.audio.clip_seconds)


def examination_bytes(spec: JobSpec, training: int, held_out: int) -> int:
    """What measures of the representation take that the estimate does not count, at most.

    Args:
        training: samples that there are.
        held_out: likewise.
    """
    width = spec.network_size.feature_width or 0
    measured = min(spec.training.probe_samples, training) + min(spec.training.evaluation_sequences, held_out)
    return FEATURE_BYTES * width * measured


def memory_of(pid: int) -> int:
    """Bytes that a process and all its children have to themselves: without files that they map, which the system can drop."""
    return _own(pid) + sum(memory_of(child) for child in _children(pid))


def _children(pid: int) -> list[int]:
    """Asked of the process itself: a look at all of the machine's processes takes a busy one too long."""
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
