"""The losses of DINO and BYOL, between a student and its moving-average teacher."""

import torch
from torch import Tensor
from torch.nn import functional


def dino(
    student: Tensor,
    teacher: Tensor,
    centre: Tensor,
    *,
    student_temperature: float,
    teacher_temperature: float,
) -> Tensor:
    """Cross-entropy between a teacher's global views and a student's other views (Caron et al. 2021, arXiv 2104.14294).

    The teacher's scores are centred and sharpened: without centring one output dominates, without sharpening all
    outputs become equal. Only together they avoid both kinds of collapse (section 5.3).

    Args:
        student: scores of all V views, the global ones first, shape (V, B, K).
        teacher: scores of the G global views, shape (G, B, K); no gradient flows to them.
        centre: shape (K,).

    Returns:
        The mean over pairs of different views, summed over the B images, nats.
    """
    globals_, views = len(teacher), len(student)
    targets = torch.softmax((teacher.detach().float() - centre) / teacher_temperature, dim=-1)
    logs = torch.log_softmax(student.float() / student_temperature, dim=-1)
    # Pair (g, v) is one product of (B K) numbers; a view is never paired with itself.
    pairs = -(targets.flatten(1) @ logs.flatten(1).T)
    itself = torch.eye(globals_, views, dtype=torch.bool, device=pairs.device)
    return pairs.masked_fill(itself, 0.0).sum() / (globals_ * (views - 1))


def moved_centre(centre: Tensor, teacher_mean: Tensor, momentum: float) -> Tensor:
    """DINO's centre after a step, equation 4; ``teacher_mean`` is over the whole batch and all global views, (K,)."""
    return centre * momentum + teacher_mean * (1.0 - momentum)


def byol(prediction: Tensor, target: Tensor) -> Tensor:
    """Squared distance of two unit vectors, 2 - 2 cos (Grill et al. 2020, arXiv 2006.07733, equation 2).

    Args:
        prediction: the online network's prediction, shape (B, D).
        target: the averaged network's projection of the other view, (B, D); no gradient flows to it.

    Returns:
        Summed over the batch.
    """
    cosine = functional.cosine_similarity(prediction.float(), target.detach().float(), dim=1)
    return (2.0 - 2.0 * cosine).sum()
