"""The diagonal of the Fisher information of a task's parameters, from training samples."""

import torch
from torch import Tensor

from core.data import sample_indices
from core.data.progress import OnProgress, Progress
from core.objectives.answers import possible
from core.objectives.base import Batch, Objective, chunks
from core.randomness import derive_seed, seed_torch
from core.training.devices import Place


def fisher_information(
    objective: Objective,
    *,
    samples: int,
    seed: int,
    place: Place,
    gives_logits: bool,
    at_once: int = 1,
    on_progress: OnProgress | None = None,
) -> dict[str, Tensor]:
    """The diagonal of the Fisher information of each trained parameter, by name, float32: the mean over the loss's terms.

    Of a task that predicts classes (`Objective.logits`) it is the Fisher information proper, the expectation over the classes that the
    network itself predicts. With the true labels in their place (the empirical Fisher information) it would all but vanish on samples
    that were learned, since a sample that is predicted with certainty 1 - e has (1 - p)^2 = e^2 in place of p (1 - p) = e
    (Kunstner et al. 2019, arXiv 1905.12558). The expectation takes one backward pass a sample: `root_of` gives a random vector at
    the logits whose outer product has the right mean, for any number of classes and terms. Since its own mean is 0, products of
    different samples vanish on average, and several samples may share a backward pass; the fewer batches, the larger the error.

    Other tasks have no distribution of which the network's outputs are parameters, so that it is empirical: the squared gradient of the
    loss of each sample.

    Args:
        objective: On the place's device. Its mode stays as it is; evaluation mode is meant.
        samples: Of how many training samples at most, drawn from ``seed``.
        gives_logits: Whether the task has `Objective.logits`.
        at_once: Samples of a batch. Of a task without logits 1, unless its loss compares the samples of a batch.
    """
    train = objective.samples("train")
    ids = sample_indices(derive_seed(seed, "fisher"), 1, min(samples, len(train)), len(train))
    parameters = {name: one for name, one in objective.named_parameters() if one.requires_grad}
    found = {name: torch.zeros_like(one, dtype=torch.float32) for name, one in parameters.items()}
    terms, progress = 0, Progress(on_progress, "fisher", len(ids), "samples")

    def gradients_of(batch: Batch) -> dict[str, Tensor]:
        output, vector = _of_logits(objective, batch) if gives_logits else _of_loss(objective, batch)
        gradients = torch.autograd.grad(output, list(parameters.values()), vector, allow_unused=True)
        return {name: one for name, one in zip(parameters, gradients, strict=True) if one is not None}

    # Batches have many shapes, for each of which a compiled network would be compiled again.
    with torch.compiler.set_stance("force_eager"):
        for chunk in chunks(ids, at_once):
            batch = objective.collate(train.rows(chunk), chunk, derive_seed(seed, "fisher batch"))
            seed_torch(seed, "fisher", int(chunk[0]))
            for name, gradient in gradients_of(batch.to(place.device)).items():
                found[name] += gradient.float().square()
            terms += batch.count
            progress.add(len(chunk))
    progress.finish()
    return {name: total / terms for name, total in found.items()}


def root_of(probabilities: Tensor, signs: Tensor) -> Tensor:
    """A square root of the Fisher information of a softmax at its logits, times random signs: rows v with E[v v'] = diag(p) - p p'.

    Args:
        probabilities: p, shape (N, C).
        signs: Independent, 1 or -1 with the same probability, shape (N, C).
    """
    half = probabilities.sqrt() * signs
    return half - probabilities * half.sum(dim=1, keepdim=True)


def _of_logits(objective: Objective, batch: Batch) -> tuple[Tensor, Tensor]:
    """The logits, and the vector whose product with their derivatives is squared."""
    logits = objective.logits(batch).float()
    # Drawn on the CPU, so that they are the same on every device.
    signs = torch.randint(0, 2, logits.shape).float() * 2 - 1
    shares = possible(logits.detach(), batch.tensors.get("among")).softmax(dim=1)
    vector = root_of(shares, signs.to(logits.device))
    counts = objective.weighed(batch)
    return logits, vector if counts is None else vector * counts[:, None]


def _of_loss(objective: Objective, batch: Batch) -> tuple[Tensor, Tensor]:
    (phase,) = objective.phases()
    loss = phase.forward(batch).total
    return loss, torch.ones_like(loss)
