"""Settings of the optimisers, distinguished by ``kind``."""

from typing import Annotated, Literal

from pydantic import Field

from core.spec.base import Spec


class _Optimizer(Spec):
    """Settings of all optimisers: weight decay, and the learning rate's decrease with depth (layer-wise decay)."""

    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    """Decoupled weight decay of matrices; biases, norms and other vectors are never decayed."""
    decay_embeddings: bool = True
    """Whether embeddings (of tokens, positions, patches' places) are decayed like other matrices."""
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Factor of each block's learning rate relative to the block after it; the embeddings have the lowest rate, the
    head the full rate (Clark et al. 2020, arXiv 2003.10555; Bao et al. 2021, arXiv 2106.08254). 1: all rates are
    equal."""


class AdamW(_Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101), fused."""

    kind: Literal["adamw"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0.0, le=10.0)] = 5e-4
    """Peak learning rate, reached at the end of the warm-up."""
    beta1: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    beta2: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.98
    epsilon: Annotated[float, Field(gt=0.0, le=1e-2)] = 1e-6


class Muon(_Optimizer):
    """Momentum with orthogonalised updates for the blocks' matrices, AdamW for the rest.

    Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon); updates are scaled to AdamW's usual size as in Liu
    et al. 2025 (arXiv 2502.16982), so that a learning rate found for AdamW is a good first guess.
    """

    kind: Literal["muon"] = "muon"
    learning_rate: Annotated[float, Field(gt=0.0, le=10.0)] = 2e-3
    """Peak learning rate of the blocks' matrices."""
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.95
    adamw_learning_rate: Annotated[float, Field(gt=0.0, le=10.0)] | None = None
    """Peak learning rate of embeddings, heads and vectors. Default: ``learning_rate``."""
    beta1: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """AdamW's, for the rest."""
    beta2: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.98
    """AdamW's, for the rest."""
    epsilon: Annotated[float, Field(gt=0.0, le=1e-2)] = 1e-6
    """AdamW's, for the rest."""


class Adafactor(_Optimizer):
    """Second moments stored as one row and one column per matrix (Shazeer and Stern 2018, arXiv 1804.04235).

    Its state is some thousandths of AdamW's; the step is relative to the parameter's own size.
    """

    kind: Literal["adafactor"] = "adafactor"
    learning_rate: Annotated[float, Field(gt=0.0, le=10.0)] = 1e-2
    """Peak relative step: each parameter moves by this share of its root mean square, and never by more than
    1 / sqrt(step)."""
    beta2_decay: Annotated[float, Field(ge=-1.0, le=0.0)] = -0.8
    """The second moments' decay at step t is 1 - t ** beta2_decay."""
    clip_threshold: Annotated[float, Field(ge=1.0)] = 1.0
    """Largest root mean square of an update before the step size is applied."""


Optimizer = Annotated[AdamW | Muon | Adafactor, Field(discriminator="kind")]
