"""How long, how fast and with what the network is trained."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from core.spec.base import AutoOr, Spec
from core.spec.optimizers import AdamW, Optimizer
from core.spec.schedule import Schedule
from core.spec.text import Name


class CheckpointRetention(Spec):
    """Which checkpoints are kept; the newest always is."""

    keep_last: Annotated[int, Field(ge=1, le=1000)] = 3
    """The newest so many."""
    keep_best: Name | None = None
    """Also the best by this logged metric, as ``eval/loss`` (lower is better), ``eval/masked_accuracy``,
    ``probe/linear_accuracy`` or ``health/rankme`` (higher is better). Refused where the job does not measure it, or where it
    does not tell a better model from a worse one."""
    keep_every: Annotated[int, Field(ge=1)] | None = None
    """Also each whose step is a multiple of this."""


class TrainingSpec(Spec):
    """The training loop's settings."""

    steps: Annotated[int, Field(ge=1, le=100_000_000)]
    """Optimiser steps in all."""
    batch_size: AutoOr[Annotated[int, Field(ge=1, le=1_048_576)]] = 32
    """Samples an optimiser step, over all accumulation parts and devices. ``auto``: ``accumulation_steps`` times the
    largest part that fits the memory, found by real steps before the first and kept for the whole run."""
    accumulation_steps: Annotated[int, Field(ge=1, le=65536)] = 1
    """Parts that a batch is split into to save memory; must divide ``batch_size``. Losses are
    summed and divided once by the batch's count of predicted tokens."""
    sequence_length: Annotated[int, Field(ge=8, le=131_072)] = 128
    """Tokens a packed sequence, special tokens included."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Randomness is a function of (seed, step, sample) and of nothing else."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """``auto``: fp32 where the device has no bf16 arithmetic; else bf16 autocast, unless trial steps before the first
    show it to be the slower. Chosen once for the whole run."""
    compile: AutoOr[bool] = False
    """``torch.compile`` the network; eager where compilation fails. ``auto``: where trial steps before the first show
    that it pays within the run. Chosen once for the whole run."""
    gradient_clip: Annotated[float, Field(gt=0.0)] | None = 1.0
    """Largest global gradient norm; ``null`` for none."""
    optimizer: Optimizer = AdamW()
    schedule: Schedule = Schedule()
    log_every: Annotated[int, Field(ge=1)] = 10
    """Steps between metric points."""
    evaluate_every: Annotated[int, Field(ge=1)] | None = None
    """Steps between evaluations on the held-out part; the last step always evaluates."""
    evaluation_sequences: Annotated[int, Field(ge=1)] = 512
    """At most so many held-out sequences an evaluation."""
    probe_every: Annotated[int, Field(ge=1)] | None = None
    """Steps between measures of the representation (``health/…``, and with labels ``probe/…``), where the task learns
    one; the last step always measures. Default: at each evaluation."""
    probe_samples: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    """At most so many labelled training samples for the probes; 0 for no probes."""
    on_collapse: Literal["warn", "pause"] = "warn"
    """What happens when all samples come to have the same features. ``warn``: a warning. ``pause``: the run also writes a
    checkpoint and pauses, for a person to look."""
    checkpoint_every: Annotated[int, Field(ge=1)] | None = None
    """Steps between checkpoints; the last step always writes one."""
    checkpoint_every_seconds: Annotated[float, Field(gt=0.0)] | None = None
    """Seconds between checkpoints, beside or instead of ``checkpoint_every``."""
    retention: CheckpointRetention = CheckpointRetention()
    ema_decay: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Keep an exponential moving average of the weights with this decay a step (less in the first steps: (1 + step) /
    (10 + step)). It is evaluated beside the weights (``eval/ema_…``) and exported as the checkpoint's folder ``ema/``."""

    @property
    def sequences_per_step(self) -> int:
        """``batch_size`` where it is a number.

        Raises:
            ValueError: while it is ``auto``.
        """
        if self.batch_size == "auto":
            raise ValueError("training.batch_size is auto and not yet found")
        return self.batch_size

    @property
    def least_sequences_per_step(self) -> int:
        """The fewest samples that a step may come to: of ``auto``, one an accumulation part."""
        return self.accumulation_steps if self.batch_size == "auto" else self.batch_size

    @field_validator("optimizer", mode="before")
    @classmethod
    def _adamw_where_no_kind(cls, value: Any) -> Any:
        return {"kind": "adamw", **value} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.batch_size != "auto" and self.batch_size % self.accumulation_steps:
            raise ValueError(
                f"accumulation_steps ({self.accumulation_steps}) must divide batch_size ({self.batch_size})"
            )
        if self.schedule.warmup_steps > self.steps:
            raise ValueError(
                f"schedule.warmup_steps ({self.schedule.warmup_steps}) must be at most steps ({self.steps})"
            )
        decay = self.schedule.decay_steps
        if self.schedule.kind == "warmup_stable_decay" and decay is not None:
            stable = self.steps - self.schedule.warmup_steps
            if decay > stable:
                raise ValueError(
                    f"schedule.decay_steps ({decay}) must be at most the steps after the warm-up ({stable})"
                )
        return self
