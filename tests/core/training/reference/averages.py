"""Updates after a step besides the optimisers: moving averages, centres, the adjustment of a GAN's augmentation."""

import math
from typing import Any

import torch
from torch import nn


def nothing(objective: Any, step: int) -> None:
    pass


def _follow(slow: nn.Module, fast: nn.Module, keeps: float) -> None:
    for old, new in zip(slow.parameters(), fast.parameters(), strict=True):
        old.copy_(keeps * old + (1 - keeps) * new)


def _half_cosine(step: int, steps: int) -> float:
    return (1 + math.cos(math.pi * step / steps)) / 2


@torch.no_grad()
def joint_embedding_prediction(objective: Any, step: int) -> None:
    """I-JEPA: the momentum rises linearly from its first value to 1."""
    start = objective.task.momentum
    _follow(objective.encoder, objective.student, start + (1 - start) * step / objective.steps_of_job)


@torch.no_grad()
def dino(objective: Any, step: int) -> None:
    """The momentum rises to 1 by a cosine; the centre follows the mean of all teacher outputs of the step."""
    keeps = 1 - (1 - objective.task.momentum) * _half_cosine(step, objective.steps_of_job)
    _follow(objective.encoder, objective.companion, keeps)
    _follow(objective.teacher_head, objective.head, keeps)
    mean = torch.cat(objective.seen_by_teacher).mean(0)
    objective.centre.copy_(0.9 * objective.centre + 0.1 * mean)
    objective.seen_by_teacher = []
    objective._step = step + 1  # an evaluation uses the teacher's temperature of the next step


@torch.no_grad()
def byol(objective: Any, step: int) -> None:
    keeps = 1 - (1 - objective.task.momentum) * _half_cosine(step, objective.steps_of_job)
    _follow(objective.companion, objective.encoder, keeps)
    _follow(objective.teacher_head, objective.head, keeps)


@torch.no_grad()
def gan(objective: Any, step: int) -> None:
    """The generator's average, with its norms' statistics; every fourth step the augmentation is adjusted."""
    keeps = min(objective.task.ema_decay, (1 + step) / (10 + step))
    live = objective.generator.state_dict()
    for name, old in objective.averaged.state_dict().items():
        old.copy_(keeps * old + (1 - keeps) * live[name] if old.is_floating_point() else live[name])
    if objective.task.adaptive_augmentation and step % 4 == 0:
        scores = torch.stack(objective.real_scores)
        direction = math.copysign(1, scores.sign().mean().item() - objective.task.augmentation_target)
        moved = objective.augmentation + direction * len(scores) / objective.task.augmentation_images
        objective.augmentation.copy_(moved.clamp(0, 1))
        objective.real_scores = []
