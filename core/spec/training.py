"""Settings of the training loop: steps, batch size, optimiser, precision, evaluation, checkpoints."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from core.spec.base import AutoOr, Spec
from core.spec.faults import SpecFault
from core.spec.optimizers import AdamW, Optimizer
from core.spec.schedule import Schedule
from core.spec.text import Name

MOST_STEPS = 100_000_000


class CheckpointRetention(Spec):
    """Which checkpoints are kept; the newest one is always kept."""

    keep_last: Annotated[int, Field(ge=1, le=1000)] = 3
    """Number of newest checkpoints that are kept."""
    keep_best: Name | None = None
    """Also the best checkpoint by this logged metric, such as ``eval/loss`` (lower is better),
    ``eval/masked_accuracy``, ``probe/linear_accuracy`` or ``health/rankme`` (higher is better). Refused if the job
    does not measure it, or if it does not show which model is better."""
    keep_every: Annotated[int, Field(ge=1)] | None = None
    """Also each checkpoint whose step is a multiple of this."""


class EarlyStoppingSpec(Spec):
    """Ends the run once a measure on the held-out split has stopped improving."""

    metric: Name = "eval/loss"
    """The measure, such as ``eval/loss`` or ``eval/accuracy``. The checkpoint with its best value is kept
    (``retention.keep_best``, if that names no other)."""
    patience: Annotated[int, Field(ge=1, le=100_000)] = 5
    """Number of evaluations without an improvement after which the run ends."""
    min_delta: Annotated[float, Field(ge=0.0)] = 0.0
    """Least change of the measure that is an improvement."""


class TrainingSpec(Spec):
    """The training loop's settings."""

    steps: Annotated[int, Field(ge=1, le=MOST_STEPS)] | None = None
    """Total number of optimiser steps. Give this or ``epochs``."""
    epochs: Annotated[
        Annotated[float, Field(gt=0.0, le=1_000_000.0, allow_inf_nan=False)] | None,
        Field(validate_default=True),
    ] = None
    """How often the training split is gone through, fractions allowed: instead of ``steps``. Once the data are prepared, and
    ``batch_size`` is decided, it is rounded up to whole steps, for the whole run."""
    batch_size: AutoOr[Annotated[int, Field(ge=1, le=1_048_576)]] = 32
    """Samples per optimiser step, over all micro-batches and devices. ``auto``: ``accumulation_steps`` times the
    largest micro-batch that fits in memory, found by trial steps before the first step and kept for the whole run."""
    accumulation_steps: Annotated[int, Field(ge=1, le=65536)] = 1
    """Gradient accumulation: micro-batches into which a batch is divided to save memory; must divide ``batch_size``.
    Losses are summed and divided once by the batch's number of predicted tokens."""
    sequence_length: Annotated[int, Field(ge=8, le=131_072)] = 128
    """Tokens per packed sequence, special tokens included."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of all randomness, which is a function of (seed, step, sample) alone."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """``auto``: fp32 if the device has no bf16 arithmetic, otherwise bf16 autocast, unless trial steps before the first
    step show that it is slower. Chosen once for the whole run."""
    compile: AutoOr[bool] = False
    """Compile the network with ``torch.compile``; it stays eager if compilation fails. ``auto``: compile if trial
    steps before the first step show that it saves time within the run. Chosen once for the whole run."""
    gradient_clip: Annotated[float, Field(gt=0.0)] | None = 1.0
    """Largest global gradient norm; ``null`` for none."""
    optimizer: Optimizer = AdamW()
    schedule: Schedule = Schedule()
    log_every: Annotated[int, Field(ge=1)] = 10
    """Steps between metric points."""
    evaluate_every: Annotated[int, Field(ge=1)] | None = None
    """Steps between evaluations on the held-out split; the last step always evaluates."""
    evaluation_sequences: Annotated[int, Field(ge=1)] = 512
    """Largest number of held-out sequences (or other samples) per evaluation."""
    probe_every: Annotated[int, Field(ge=1)] | None = None
    """Steps between measures of the representation (``health/…``, and with labels ``probe/…``), if the task learns one; the
    last step always measures. Default: at each evaluation."""
    probe_samples: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    """Largest number of labelled training samples for the probes; 0 for no probes."""
    on_collapse: Literal["warn", "pause"] = "warn"
    """What happens when the representation collapses (all samples have the same features). ``warn``: a warning.
    ``pause``: the run also writes a checkpoint and pauses, so that people can check it."""
    checkpoint_every: Annotated[int, Field(ge=1)] | None = None
    """Steps between checkpoints; the last step always writes one."""
    checkpoint_every_seconds: Annotated[float, Field(gt=0.0)] | None = None
    """Seconds between checkpoints, in addition to or instead of ``checkpoint_every``."""
    retention: CheckpointRetention = CheckpointRetention()
    early_stopping: EarlyStoppingSpec | None = None
    """End the run before the last step once a measure has not improved for some evaluations; needs
    ``evaluate_every``. Each improvement writes a checkpoint. The learning rate's schedule is that of all steps."""
    ema_decay: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Keep an exponential moving average of the weights with this decay a step (less in the first steps: (1 + step) /
    (10 + step)). It is evaluated beside the weights (``eval/ema_…``) and exported as the checkpoint's folder ``ema/``."""

    @property
    def total_steps(self) -> int:
        """Total number of optimiser steps, once it is known (`core.spec.epochs`).

        Raises:
            ValueError: while only ``epochs`` is known.
        """
        if self.steps is None:
            raise ValueError("training.epochs is given, and the number of steps is not yet known")
        return self.steps

    @property
    def sequences_per_step(self) -> int:
        """``batch_size`` where it is a number.

        Raises:
            ValueError: while it is ``auto``.
        """
        if self.batch_size == "auto":
            raise ValueError("training.batch_size is auto and not yet decided")
        return self.batch_size

    @property
    def least_sequences_per_step(self) -> int:
        """Least number of samples per step: with ``auto``, one per micro-batch."""
        return self.accumulation_steps if self.batch_size == "auto" else self.batch_size

    @model_validator(mode="before")
    @classmethod
    def _best_is_kept(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(stopping := data.get("early_stopping"), dict):
            return data
        retention = data.get("retention", {})
        if not isinstance(retention, dict) or retention.get("keep_best") is not None:
            return data
        return data | {"retention": retention | {"keep_best": stopping.get("metric", "eval/loss")}}

    @field_validator("optimizer", mode="before")
    @classmethod
    def _adamw_where_no_kind(cls, value: Any) -> Any:
        return {"kind": "adamw", **value} if isinstance(value, dict) else value

    @field_validator("epochs")
    @classmethod
    def _one_of_both(cls, epochs: float | None, info: ValidationInfo) -> float | None:
        # A validator of the field, since one of the model does not run where another field is wrong, and people are told
        # everything at once.
        if epochs is None and info.data.get("steps", 1) is None:
            raise SpecFault(
                "missing",
                "required: give the number of steps, or training.epochs",
                param="training.steps",
                case="steps_or_epochs",
            )
        return epochs

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.batch_size != "auto" and self.batch_size % self.accumulation_steps:
            raise SpecFault(
                "not_divisible",
                f"accumulation_steps ({self.accumulation_steps}) must divide batch_size ({self.batch_size})",
                case="accumulation",
                name="batch_size",
                value=self.batch_size,
                divisor="accumulation_steps",
                divisor_value=self.accumulation_steps,
            )
        if self.steps is None:
            return self  # fields that are relative to the steps are checked once these are known
        if self.epochs is not None:
            raise SpecFault(
                "steps_and_epochs",
                f"steps ({self.steps}) and epochs ({self.epochs:g}) are given; leave out one of the two",
                param="training.epochs",
                steps=self.steps,
                epochs=self.epochs,
            )
        if self.schedule.warmup_steps > self.steps:
            raise SpecFault(
                "more_than_steps",
                f"schedule.warmup_steps ({self.schedule.warmup_steps}) must be at most steps ({self.steps})",
                name="schedule.warmup_steps",
                value=self.schedule.warmup_steps,
                steps=self.steps,
            )
        decay = self.schedule.decay_steps
        if self.schedule.kind == "warmup_stable_decay" and decay is not None:
            stable = self.steps - self.schedule.warmup_steps
            if decay > stable:
                raise SpecFault(
                    "more_than_steps",
                    f"schedule.decay_steps ({decay}) must be at most the steps after the warm-up ({stable})",
                    case="after_warmup",
                    name="schedule.decay_steps",
                    value=decay,
                    steps=stable,
                )
        return self
