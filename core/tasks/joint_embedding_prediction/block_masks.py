"""I-JEPA's masks: which patches are the context and which are targets, as blocks of an image's grid.

Assran et al. 2023, arXiv 2301.08243, section 3 and appendix A. The blocks' sizes are drawn once for each step, so that a batch's
blocks have equal sizes; their places are drawn for each sample. The paper's code cuts a batch's contexts to the shortest;
here the shorter ones are padded, so that a sample's context does not depend on the other samples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.randomness import derive_seed, uniforms
from core.tasks.joint_embedding_prediction.spec import JointEmbeddingPrediction

_CONTEXT_MULTIPLE = 4
"""Contexts are padded to a multiple of this, so that matrices have fewer different shapes."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Context and targets of a batch as patch numbers; patches are numbered row by row."""

    context: NDArray[np.int64]
    """Shape (B, N): each sample's context, followed by padding."""
    present: NDArray[np.bool_]
    """Which of them are not padding."""
    targets: NDArray[np.int64]
    """Shape (B, M, K)."""


def draw_blocks(task: JointEmbeddingPrediction, samples: NDArray[np.int64], key: int, side: int) -> Blocks:
    """Blocks of each sample's grid of ``side`` by ``side`` patches: sizes are a function of ``key``, places of (key, sample).

    A sample whose targets cover the whole context keeps one context patch: the first of those in the fewest targets.
    """
    sizes = uniforms(derive_seed(key, "block sizes"), np.zeros(1, np.int64), 3, streams=1)[0, 0]
    target = _block_size(
        side, _between(task.target_scale, sizes[0]), _between(task.target_aspect_ratio, sizes[1])
    )
    context = _block_size(side, _between(task.context_scale, sizes[2]), 1.0)
    places = uniforms(derive_seed(key, "block places"), samples, task.target_blocks + 1, streams=2)
    targets = _blocks(target, places[:, :, 1:], side)
    shown = _blocks(context, places[:, :, :1], side)[:, 0]

    covered = np.zeros((len(samples), side**2), np.int64)
    np.add.at(covered, (np.arange(len(samples))[:, None], targets.reshape(len(samples), -1)), 1)
    in_context = np.zeros(covered.shape, bool)
    np.put_along_axis(in_context, shown, values=True, axis=1)
    seen = in_context & (covered == 0)
    blind = ~seen.any(axis=1)
    least = np.where(in_context, covered, covered.max(initial=0) + 1).argmin(axis=1)
    seen[blind, least[blind]] = True

    counts = seen.sum(axis=1)
    length = min(side**2, -(-int(counts.max()) // _CONTEXT_MULTIPLE) * _CONTEXT_MULTIPLE)
    # A stable sort moves the context patches to the front, in their order.
    order = np.argsort(~seen, axis=1, kind="stable")[:, :length]
    return Blocks(order, np.arange(length) < counts[:, None], targets)


def _between(interval: tuple[float, float], share: float) -> float:
    return interval[0] + (interval[1] - interval[0]) * share


def _block_size(side: int, scale: float, aspect_ratio: float) -> tuple[int, int]:
    """Height and width in patches of a block that covers ``scale`` of the grid, at least one."""
    area = side**2 * scale
    height, width = np.sqrt(area * aspect_ratio), np.sqrt(area / aspect_ratio)
    return tuple(int(np.clip(np.rint(length), 1, side)) for length in (height, width))  # type: ignore[return-value]


def _blocks(size: tuple[int, int], places: NDArray[np.float64], side: int) -> NDArray[np.int64]:
    """Patches of blocks of ``size`` at ``places`` (2, B, M), numbers in [0, 1): shape (B, M, height * width)."""
    height, width = size
    top = (places[0] * (side - height + 1)).astype(np.int64)
    left = (places[1] * (side - width + 1)).astype(np.int64)
    inside = (np.arange(height)[:, None] * side + np.arange(width)).reshape(-1)
    patches: NDArray[np.int64] = (top * side + left)[:, :, None] + inside
    return patches
