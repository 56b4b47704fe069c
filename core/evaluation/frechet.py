"""The Fréchet distance of two normal distributions (Dowson and Landau 1982), as used by Heusel et al. 2017 (arXiv 1706.08500).

With Inception's features it is the FID. With other features it must not be called FID: values are comparable only between
runs that used the same network and the same number of images.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def moments(features: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Mean (D,) and covariance (D, D) of features (N, D), N at least 2."""
    values = features.astype(np.float64)
    return values.mean(axis=0), np.atleast_2d(np.cov(values, rowvar=False))


def frechet_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """``|m₁ - m₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½)`` of two sets of features, shapes (N, D) and (M, D).

    The trace of the root is the sum of the square roots of the eigenvalues of C₁^½ C₂ C₁^½. That matrix is symmetric; the root
    of the asymmetric product C₁ C₂ would have small imaginary parts from rounding.
    """
    (mean_1, cov_1), (mean_2, cov_2) = moments(first), moments(second)
    values, vectors = np.linalg.eigh(cov_1)
    root = (vectors * np.sqrt(values.clip(min=0.0))) @ vectors.T
    mixed = np.linalg.eigvalsh(root @ cov_2 @ root)
    cross = np.sqrt(mixed.clip(min=0.0)).sum()
    distance = np.square(mean_1 - mean_2).sum() + np.trace(cov_1) + np.trace(cov_2) - 2.0 * cross
    return float(max(distance, 0.0))
