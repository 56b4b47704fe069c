"""Compares an exported network with the original on inputs of other sizes than it was traced with."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.errors import EngineError
from core.export.parts import Part

TOLERANCE = 1e-4
"""Largest allowed difference of an output from the original's, relative to the largest output or 1: fp32 sums in
another order differ. Measured for the small networks of the tests: below 1e-5."""

Run = Callable[[Sequence[Tensor]], Sequence[Tensor]]
"""Computes the outputs of an exported part."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of a comparison."""

    runtime: str
    inputs: int
    """Number of batches, of different sizes."""
    largest_difference: float
    """Largest absolute difference of an output."""
    tolerance: float | None
    """The limit of that difference; None: the format rounds, and has none."""


def compare(
    architecture: str,
    runtime: str,
    parts: Sequence[tuple[Part, Run]],
    sizes: Sequence[tuple[int, int]],
    *,
    tolerance: float | None = TOLERANCE,
) -> Check:
    """
    Args:
        sizes: (batch, length) of the inputs.
        tolerance: None: only shapes must be equal, and outputs be numbers.

    Raises:
        EngineError: ``export_differs``.
    """
    generator = torch.Generator().manual_seed(1)
    difference, largest = 0.0, 1.0
    for part, run in parts:
        for batch, length in sizes:
            inputs = part.make(batch, length, generator)
            with torch.no_grad():
                expected = part.network(*inputs)
            for found, wanted in zip(run(inputs), expected, strict=True):
                equal = found.shape == wanted.shape
                apart = (found - wanted).abs().max().item() if equal else math.inf
                # Not a number counts as infinitely far, and is not lost in a maximum.
                difference = max(difference, math.inf if math.isnan(apart) else apart)
                largest = max(largest, wanted.abs().max().item())
    limit = math.inf if tolerance is None else tolerance * largest
    if not difference <= limit or math.isinf(difference):
        raise EngineError(
            "export_differs",
            f"The outputs of {architecture} by {runtime} differ from the original's by {difference:.3g}, "
            f"and {limit:.3g} is tolerated.",
            "Use the checkpoint as it is, and report this.",
            difference=difference,
            architecture=architecture,
            runtime=runtime,
            tolerance=None if tolerance is None else limit,
        )
    return Check(runtime, len(sizes), difference, None if tolerance is None else limit)
