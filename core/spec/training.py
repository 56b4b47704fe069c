"""How long, how fast and with what the network is trained."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.spec.base import Spec


class AdamW(Spec):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101)."""

    kind: Literal["adamw"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0.0, le=10.0)] = 5e-4
    """Peak learning rate, reached at the end of the warm-up."""
    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    """Decay of matrices; biases and norms are never decayed."""
    beta1: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    beta2: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.98
    epsilon: Annotated[float, Field(gt=0.0, le=1e-2)] = 1e-6


Optimizer = AdamW


class Schedule(Spec):
    """Learning rate over the steps: linear warm-up, then a decay."""

    kind: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Optimiser steps of linear warm-up from zero."""
    final_fraction: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Learning rate at the last step as a share of the peak. Ignored for ``constant``."""


class CheckpointRetention(Spec):
    """Which checkpoints are kept; the newest always is."""

    keep_last: Annotated[int, Field(ge=1, le=1000)] = 3
    """The newest so many."""
    keep_best: str | None = None
    """Also the best by this logged metric, as ``eval/loss`` (lower is better), ``eval/masked_accuracy``,
    ``probe/linear_accuracy`` or ``health/rankme`` (higher is better)."""
    keep_every: Annotated[int, Field(ge=1)] | None = None
    """Also each whose step is a multiple of this."""


class TrainingSpec(Spec):
    """The training loop's settings."""

    steps: Annotated[int, Field(ge=1, le=100_000_000)]
    """Optimiser steps in all."""
    batch_size: Annotated[int, Field(ge=1, le=1_048_576)] = 32
    """Sequences an optimiser step, over all accumulation parts and devices."""
    accumulation_steps: Annotated[int, Field(ge=1, le=65536)] = 1
    """Parts that a batch is split into to save memory; must divide ``batch_size``. Losses are
    summed and divided once by the batch's count of predicted tokens."""
    sequence_length: Annotated[int, Field(ge=8, le=131_072)] = 128
    """Tokens a packed sequence, special tokens included."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Randomness is a function of (seed, step, sample) and of nothing else."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """``auto``: bf16 autocast where the device has bf16 arithmetic, else fp32."""
    compile: bool = False
    """``torch.compile`` the network; eager where compilation fails."""
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

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.batch_size % self.accumulation_steps:
            raise ValueError(
                f"accumulation_steps ({self.accumulation_steps}) must divide batch_size ({self.batch_size})"
            )
        if self.schedule.warmup_steps > self.steps:
            raise ValueError(
                f"schedule.warmup_steps ({self.schedule.warmup_steps}) must be at most steps ({self.steps})"
            )
        return self
