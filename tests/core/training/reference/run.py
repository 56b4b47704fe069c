"""The loop: gradients of all micro-batches divided by the batch's count, clipped, and AdamW, written by hand."""

import hashlib
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.data import sample_indices
from core.spec.job import JobSpec
from tests.core.training.reference.jobs import Case


def seed_of(*purpose: int | str) -> int:
    """63 bits of BLAKE2b of the purpose, as written in Python."""
    digest = hashlib.blake2b(repr(purpose).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


@dataclass
class Moments:
    """AdamW's state of one parameter."""

    first: Tensor
    second: Tensor
    steps: int = 0


@dataclass
class Reference:
    """A run of the reference, on a separate objective whose `after_step` is never called."""

    case: Case
    job: JobSpec
    objective: Any
    moments: dict[str, Moments] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)
    told: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.training: Any = self.job.training
        self.objective.steps_of_job = self.training.steps
        self.embeddings = {
            f"{name}.weight"
            for name, module in self.objective.named_modules()
            if isinstance(module, nn.Embedding)
        }
        self.trained = {n: p for n, p in self.objective.named_parameters() if p.requires_grad}
        self.average = {name: p.detach().clone() for name, p in self.trained.items()}

    def step(self, step: int) -> None:
        """One step; returns its logged values."""
        self.objective.train()
        rate = self.training.optimizer.learning_rate * self.factor(step)
        losses, norms = [], []
        for number, (owner, loss) in enumerate(self.case.phases.items()):
            total, norm = self.phase(step, number, owner, loss, rate)
            losses.append(total)
            norms.append(norm)
        self.case.after(self.objective, step)
        keeps = min(self.training.ema_decay or 0.0, (1 + step) / (10 + step))
        for name, parameter in self.trained.items():
            self.average[name] = keeps * self.average[name] + (1 - keeps) * parameter.detach()
        self.told.append(
            {
                "train/loss": sum(losses),
                "train/gradient_norm": math.hypot(*norms),
                "train/learning_rate": rate,
            }
        )

    def phase(self, step: int, number: int, owner: str, loss: Any, rate: float) -> tuple[float, float]:
        """Forward and backward of each micro-batch, then one update of ``owner``'s parameters."""
        training, objective = self.training, self.objective
        own = {name: parameter for name, parameter in self.trained.items() if name.startswith(owner)}
        samples = objective.samples("train")
        ids = sample_indices(training.seed, step, training.batch_size, len(samples))
        parts = np.split(ids, training.accumulation_steps)
        key = seed_of(training.seed, "batch", step)
        batches = [objective.collate(samples.rows(part), part, key) for part in parts]
        count = sum(batch.count for batch in batches)
        gradients: dict[str, Tensor] = {}
        total = 0.0
        for place, (part, batch) in enumerate(zip(parts, batches, strict=True)):
            purpose = ("dropout", number) if number else ("dropout",)
            torch.manual_seed(seed_of(training.seed, *purpose, step, place, 0))
            rows = (
                torch.from_numpy(samples.rows(part))
                if not samples.rows(part).dtype.names
                else batch.tensors["waves"]
            )
            value = loss(objective, batch, rows, step) if self.case.by_step else loss(objective, batch, rows)
            total += float(value.detach()) / count
            found = torch.autograd.grad(value / count, list(own.values()), allow_unused=True)
            for name, gradient in zip(own, found, strict=True):
                if gradient is not None:
                    gradients[name] = gradients.get(name, 0) + gradient
        norm = math.sqrt(sum(float(gradient.double().square().sum()) for gradient in gradients.values()))
        shrink = 1.0
        if training.gradient_clip is not None:
            shrink = min(1.0, training.gradient_clip / (norm + 1e-6))
        for name, gradient in gradients.items():
            self.adamw(name, own[name], gradient * shrink, rate)
        return total, norm

    @torch.no_grad()
    def adamw(self, name: str, parameter: Tensor, gradient: Tensor, rate: float) -> None:
        """Algorithm 2 of arXiv 1711.05101, with the decay multiplied by the rate; only matrices decay."""
        spec = self.training.optimizer
        kept = self.moments.setdefault(
            name, Moments(torch.zeros_like(parameter), torch.zeros_like(parameter))
        )
        kept.steps += 1
        kept.first = spec.beta1 * kept.first + (1 - spec.beta1) * gradient
        kept.second = spec.beta2 * kept.second + (1 - spec.beta2) * gradient**2
        first = kept.first / (1 - spec.beta1**kept.steps)
        second = kept.second / (1 - spec.beta2**kept.steps)
        spared = parameter.ndim < 2 or (not spec.decay_embeddings and name in self.embeddings)
        decay = 0.0 if spared else spec.weight_decay
        parameter.copy_(parameter - rate * decay * parameter - rate * first / (second.sqrt() + spec.epsilon))

    def factor(self, step: int) -> float:
        """The rate as a share of its peak: linear warm-up, then a cosine or linear decay."""
        schedule, steps = self.training.schedule, self.training.steps
        warmup, last = schedule.warmup_steps, schedule.final_fraction
        if step <= warmup:
            return step / warmup
        done = (step - warmup) / (steps - warmup)
        shape = (1 + math.cos(math.pi * done)) / 2 if schedule.kind == "cosine" else 1 - done
        return last + (1 - last) * shape
