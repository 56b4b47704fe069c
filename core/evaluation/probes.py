"""Probes: classifiers on frozen features, which measure how well features learned without labels predict the labels."""

import torch
from torch import Tensor
from torch.nn import functional

NEIGHBOURS = 20
TEMPERATURE = 0.07
_AT_ONCE = 1 << 22
"""Similarities, or class scores, that are in memory at a time, for any number of samples."""


def knn_accuracy(
    features: Tensor,
    labels: Tensor,
    held_out: Tensor,
    held_out_labels: Tensor,
    *,
    neighbours: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> float:
    """k-nearest-neighbour accuracy: the share of held-out samples whose neighbours vote for the right class (0 … 1).

    Arguments as `knn_classes`.
    """
    chosen = knn_classes(
        features, labels, held_out, held_out_labels, neighbours=neighbours, temperature=temperature
    )
    return float((chosen == held_out_labels).float().mean().item())


def knn_classes(
    features: Tensor,
    labels: Tensor,
    held_out: Tensor,
    held_out_labels: Tensor,
    *,
    neighbours: int = NEIGHBOURS,
    temperature: float = TEMPERATURE,
) -> Tensor:
    """The class that the nearest neighbours of each held-out sample vote for, shape (M,).

    Votes are weighted by the exponential of the cosine over ``temperature``: Wu et al. 2018, arXiv 1805.01978, with the numbers of
    DINO (arXiv 2104.14294).

    Args:
        features: Of labelled samples, shape (N, D).
        labels: Classes 0, 1, …, shape (N,).
        held_out: Features of held-out samples, shape (M, D).
        held_out_labels: Shape (M,).
    """
    known, asked = functional.normalize(features.float()), functional.normalize(held_out.float())
    classes = int(torch.cat([labels, held_out_labels]).max()) + 1
    # In full precision also under autocast, because the similarities of neighbours differ in the third digit.
    with torch.autocast(features.device.type, enabled=False):
        chosen = []
        for part in torch.split(asked, max(1, _AT_ONCE // max(len(known), classes))):
            similarity, nearest = (part @ known.T).topk(min(neighbours, len(known)), dim=1)
            votes = torch.zeros(len(part), classes, device=known.device)
            weights = ((similarity - similarity[:, :1]) / temperature).exp()
            chosen.append(votes.scatter_add_(1, labels[nearest], weights).argmax(dim=1))
    return torch.cat(chosen)


def linear_accuracy(
    features: Tensor,
    labels: Tensor,
    held_out: Tensor,
    held_out_labels: Tensor,
    *,
    decay: float = 1e-3,
    iterations: int = 100,
) -> float:
    """Linear probe accuracy: the share of held-out samples that a logistic regression classifies correctly (0 … 1).

    Arguments as `linear_classes`.
    """
    chosen = linear_classes(features, labels, held_out, held_out_labels, decay=decay, iterations=iterations)
    return float((chosen == held_out_labels).float().mean().item())


def linear_classes(
    features: Tensor,
    labels: Tensor,
    held_out: Tensor,
    held_out_labels: Tensor,
    *,
    decay: float = 1e-3,
    iterations: int = 100,
) -> Tensor:
    """The class that a logistic regression chooses for each held-out sample, shape (M,).

    Features are standardised by the mean and deviation of the labelled ones. The regression is fitted to all labelled samples
    at once by L-BFGS from zero, so that the same features give the same accuracy.

    Args:
        features: Of labelled samples, shape (N, D).
        labels: Classes 0, 1, …, shape (N,).
        held_out: Features of held-out samples, shape (M, D).
        held_out_labels: Shape (M,).
        decay: Weight of the squared weights (L2) in the loss.
        iterations: Maximum number of L-BFGS iterations.
    """
    known, asked = (part.to(torch.float64, copy=True) for part in (features, held_out))
    mean, spread = known.mean(dim=0), known.std(dim=0, correction=0)
    spread = torch.where(spread > 1e-9, spread, 1.0)
    for part in (known, asked):
        part.sub_(mean).div_(spread)
    classes = int(torch.cat([labels, held_out_labels]).max()) + 1
    weights = known.new_zeros(known.shape[1], classes, requires_grad=True)
    bias = known.new_zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, bias], max_iter=iterations, line_search_fn="strong_wolfe")

    rows = max(1, _AT_ONCE // classes)

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = decay * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        value = value.detach()
        for part, classes_of_part in zip(torch.split(known, rows), torch.split(labels, rows), strict=True):
            share = len(part) / len(known)
            error = share * functional.cross_entropy(part @ weights + bias, classes_of_part)
            error.backward()  # type: ignore[no-untyped-call]
            value += error.detach()
        return value

    with torch.enable_grad():
        optimizer.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return torch.cat([(part @ weights + bias).argmax(dim=1) for part in torch.split(asked, rows)])
