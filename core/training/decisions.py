"""Values of the spec's ``auto`` fields, and the steps of its epochs: decided once a run, reported, and kept for all its attempts.

A choice changes a run's numbers, and trial steps on a busy machine may give either result. So a choice is never made
twice: it is stored in every checkpoint and, before the first step, in the run directory, and a supervisor passes the
choices that were reported to it to the next attempt (``--decided``). Two runs of one spec may differ in fields that are
``auto``; for fields with a value nothing is measured.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.events import Events
from core.parameters import plain
from core.spec.job import JobSpec
from core.spec.training import TrainingSpec

Choice = str | int | bool
_FILE = "decisions.json"
_KINDS: Mapping[str, type[Choice]] = {"precision": str, "compile": bool, "batch_size": int, "steps": int}


@dataclass(frozen=True)
class Reason:
    """Why a value was chosen."""

    code: str
    """Stable name of the sentence."""
    message: str
    params: Mapping[str, Any] = field(default_factory=dict)
    """What `message` is made of."""


@dataclass
class Decisions:
    """Choices by the name of their field in ``training``; only for fields that are ``auto`` in the spec, and for ``steps``
    where it gives ``epochs``."""

    events: Events
    directory: Path
    fingerprint: str
    choices: dict[str, Choice] = field(default_factory=dict)

    def adopt(self, job: JobSpec, *sources: Mapping[str, Any]) -> None:
        """Take over earlier choices for the ``auto`` fields of ``job``; of two sources the first counts."""
        for source in sources:
            for name, kind in _KINDS.items():
                choice = source.get(name)
                if _is_open(job.training, name) and type(choice) is kind:
                    self.choices.setdefault(name, choice)

    def make(
        self, name: str, choice: Choice, reason: Reason, measured: Mapping[str, float] | None = None
    ) -> None:
        """Record a choice, report it with its reason, and save it."""
        self.choices[name] = choice
        self._write()
        self.events.emit(
            "decision",
            name=name,
            choice=choice,
            reason=reason.message,
            code=reason.code,
            params=plain(reason.params),
            measured=dict(measured or {}),
        )

    def read(self) -> dict[str, Any]:
        """The choices of an earlier start of the same run in this directory."""
        try:
            document = json.loads((self.directory / _FILE).read_bytes())
        except (OSError, ValueError):
            return {}
        same = isinstance(document, dict) and document.get("fingerprint") == self.fingerprint
        return dict(document["choices"]) if same else {}

    def forget(self) -> None:
        """Remove the stored choices, for a run that starts over."""
        (self.directory / _FILE).unlink(missing_ok=True)

    def apply(self, job: JobSpec) -> JobSpec:
        """The job with the choices in place of ``auto``, and with steps in place of epochs."""
        choices: dict[str, Any] = dict(self.choices)
        if "steps" in choices:
            choices["epochs"] = None
        return job.model_copy(update={"training": job.training.model_copy(update=choices)})

    def _write(self) -> None:
        temporary = self.directory / f".{_FILE}.tmp"
        temporary.write_text(json.dumps({"fingerprint": self.fingerprint, "choices": self.choices}) + "\n")
        temporary.replace(self.directory / _FILE)


def _is_open(training: TrainingSpec, name: str) -> bool:
    """Whether the spec leaves a field to the engine."""
    return training.epochs is not None if name == "steps" else getattr(training, name) == "auto"
