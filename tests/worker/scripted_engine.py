"""An engine without torch that speaks the real protocol: what it does is written in the job's name.

``python -m tests.worker.scripted_engine serve …``, as the worker starts its engine's server. A name such as
``engine step_seconds=0.01 die_at=30`` makes it take 10 ms a step and end itself by SIGKILL at step 30 of its first attempt.

step_seconds
    Time of a step.
die_at, fail_at, exit_at
    At this step: kill itself by SIGKILL; report ``internal`` and exit with 70; report ``non_finite_loss`` and exit with 66.
once
    Die, fail or exit only in a run that began at step 0.
wait_at
    Wait for SIGTERM at this step.
hold_mb
    Allocate this many MiB of memory once the data is prepared.
ignores_sigterm
    Ignore SIGTERM.
show_environment
    Print the environment's names to the log.
samples_every
    Write a text sample every this many steps, and at step 20 one above the size limit.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.checkpoints.manifest import MANIFEST, Manifest, describe_files, directory_name, verify
from core.commands.serve import serve


def loss_at(step: int) -> float:
    """The value of ``train/loss`` at a step."""
    return 10.0 / step


class Run:
    def __init__(self, arguments: argparse.Namespace) -> None:
        spec = json.loads(arguments.spec.read_text())
        training = spec["training"]
        self.steps_per_epoch = 20
        self.given: int | None = training["steps"]
        self.steps: int = self.given or round(training["epochs"] * self.steps_per_epoch)
        self.log_every: int = spec["training"]["log_every"]
        self.checkpoint_every: int | None = spec["training"]["checkpoint_every"]
        self.script = dict(word.partition("=")[::2] for word in spec["name"].split()[1:])
        self.out: Path = arguments.out
        self.events = os.fdopen(arguments.events_fd, "w", encoding="utf-8", buffering=1)
        self.step = 0
        if arguments.resume is not None:
            self.step = verify(arguments.resume).step
        elif arguments.start is not None:
            begun = verify(arguments.start).step
            self.step = 0 if (spec.get("start") or {}).get("scope") == "encoder" else begun
            print(f"starts from the checkpoint of step {begun}")
        self.first_step = self.step
        self.data = sorted(path for path in arguments.data.rglob("*") if path.is_file())
        self.threads: int = arguments.threads
        self.reading: str = arguments.reading
        self.stop = False
        self.stopped, self.stop_now = os.pipe()

    def tell(self, event: str, **fields: Any) -> None:
        self.events.write(json.dumps({"event": event, "time": time.time(), **fields}) + "\n")

    def main(self) -> int:
        signal.signal(signal.SIGTERM, self._on_sigterm)
        print(f"scripted engine, {self.steps} steps from {self.step}")
        print("reading:", self.reading)
        if "show_environment" in self.script:
            print("environment:", " ".join(sorted(os.environ)))
        self.tell(
            "started",
            pid=os.getpid(),
            device="cpu",
            device_name="scripted",
            threads=self.threads,
            precision="fp32",
            torch="none",
            resumed_from_step=self.step,
            steps=self.given,
        )
        if self.given is None:
            self.tell(
                "decision",
                name="steps",
                choice=self.steps,
                reason="Because of the epochs.",
                code="epochs_in_steps",
                params={},
                measured={},
            )
        characters = sum(len(path.read_bytes()) for path in self.data)
        self.tell(
            "prepared",
            documents=len(self.data),
            documents_held_out=0,
            tokens=characters,
            tokens_held_out=0,
            vocabulary_size=256,
            cached=False,
            parameters=0,
            samples=self.steps_per_epoch,
            steps=self.steps,
            steps_per_epoch=self.steps_per_epoch,
        )
        held = b"x" * (int(self.script.get("hold_mb", 0)) << 20)
        print(f"holding {len(held)} bytes")
        while self.step < self.steps:
            time.sleep(float(self.script.get("step_seconds", 0)))
            self.step += 1
            if self.step == 1 or self.step % self.log_every == 0:
                self.tell("metrics", step=self.step, values={"train/loss": loss_at(self.step)})
            if self.checkpoint_every and self.step % self.checkpoint_every == 0:
                self.save()
            if self.step % int(self.script.get("samples_every", self.steps + 1)) == 0:
                self.show("large" if self.step == 20 else "text")
            if (code := self._misfortune()) is not None:
                return code
            if self.stop:
                self.save()
                self.tell("finished", step=self.step, reason="stopped", values={})
                return 75
        self.save()
        self.tell("finished", step=self.step, reason="completed", values={})
        return 0

    def show(self, name: str) -> None:
        path = self.out / "samples" / f"step-{self.step:08}" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * (2 << 20) if name == "large" else f"at step {self.step}".encode())
        self.tell(
            "sample",
            step=self.step,
            name=name,
            media_type="text/plain",
            path=str(path),
            bytes=path.stat().st_size,
        )

    def save(self) -> None:
        directory = self.out / directory_name(self.step)
        if directory.exists():
            return
        temporary = self.out / f".{directory.name}"
        (temporary / "trainer").mkdir(parents=True)
        (temporary / "config.json").write_text(json.dumps({"step": self.step}))
        (temporary / "trainer" / "state.json").write_text(json.dumps({"step": self.step}))
        manifest = Manifest(
            step=self.step,
            spec_sha256="0" * 64,
            data_key="0" * 64,
            created=datetime.now(UTC).isoformat(),
            metrics={},
            files=describe_files(temporary),
        )
        (temporary / MANIFEST).write_bytes(manifest.encode())
        temporary.rename(directory)
        # As the real engine may: only the newest stays.
        for old in self.out.glob("step-*"):
            if old != directory:
                shutil.rmtree(old)
        self.tell(
            "checkpoint",
            step=self.step,
            path=str(directory),
            manifest_sha256=hashlib.sha256(manifest.encode()).hexdigest(),
            bytes=manifest.total_bytes,
            metrics={},
        )

    def _misfortune(self) -> int | None:
        if "once" in self.script and self.first_step:
            return None
        if self.step == int(self.script.get("wait_at", -1)) and not self.stop:
            os.read(self.stopped, 1)
        if self.step == int(self.script.get("die_at", -1)):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.step == int(self.script.get("fail_at", -1)):
            self.tell(
                "failed", code="internal", message="It broke.", hint="Mend it.", step=self.step, details={}
            )
            return 70
        if self.step == int(self.script.get("exit_at", -1)):
            self.tell(
                "failed",
                code="non_finite_loss",
                message="The loss is nan.",
                hint="Lower the learning rate.",
                step=self.step,
                details={"sample_ids": [1, 2]},
            )
            return 66
        return None

    def _on_sigterm(self, *_: object) -> None:
        self.stop = "ignores_sigterm" not in self.script
        os.write(self.stop_now, b"x")


def export(argv: list[str]) -> int:
    """An export: a copy of the checkpoint's configuration is what it makes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--format")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--digests", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--reading")
    parser.add_argument("--events-fd", type=int)
    arguments = parser.parse_args(argv)
    step = verify(arguments.checkpoint).step
    arguments.out.mkdir()
    (arguments.out / "model.onnx").write_text(f"step {step} as {arguments.format}")
    with os.fdopen(arguments.events_fd, "w", encoding="utf-8") as events:
        for event in (
            {"event": "started", "pid": os.getpid(), "device": "cpu", "device_name": "scripted"},
            {"event": "exported", "path": str(arguments.out), "architecture": "Scripted"},
            {"event": "finished", "step": 0, "reason": "completed", "values": {}},
        ):
            events.write(json.dumps({**event, "time": time.time()}) + "\n")
    return 0


def engine(argv: list[str]) -> int:
    if argv[0] == "export":
        return export(argv[1:])
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["run"])
    parser.add_argument("spec", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--start", type=Path)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--decided", default="{}")
    parser.add_argument("--reading", default="{}")
    parser.add_argument("--digests", type=Path)
    parser.add_argument("--events-fd", type=int)
    return Run(parser.parse_args(argv)).main()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--parent", type=int)
    arguments = parser.parse_args()
    return serve(arguments.fd, arguments.parent, engine=engine, preload=lambda: None)


if __name__ == "__main__":
    sys.exit(main())
