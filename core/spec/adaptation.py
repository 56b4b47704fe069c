"""What of a network is trained when a job goes on from an encoder: variants by ``method``."""

import itertools
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from core.spec.base import AutoOr, Spec
from core.spec.faults import SpecFault
from core.spec.text import Name

_Items = TypeVar("_Items", bound=tuple[Any, ...])


def _some(items: _Items) -> _Items:
    # With ``min_length`` Pydantic would also report an item that is invalid as one too few.
    if not items:
        raise SpecFault("too_short", "list at least one", case="one")
    return items


_AtLeastOne = (AfterValidator(_some), Field(max_length=200, json_schema_extra={"minItems": 1}))
Targets = Annotated[tuple[Name, ...], *_AtLeastOne]


class Full(Spec):
    """All weights are trained."""

    method: Literal["full"] = "full"


class Frozen(Spec):
    """Only the head is trained; the encoder stays as it is and computes in evaluation mode."""

    method: Literal["frozen"] = "frozen"


class Unfreezing(Spec):
    """The number of blocks that are trained from a step on."""

    step: Annotated[int, Field(ge=0)]
    """From the step after this one on; 0: from the first."""
    blocks: Annotated[int, Field(ge=0, le=1000)]
    """Blocks counted from the head, with the norm behind them; 0: the head only."""
    embeddings: bool = False
    """Also the embeddings, and what else is before the first block; ``blocks`` must then be all blocks."""


class Gradual(Spec):
    """More and more blocks are trained, the last ones first (Howard and Ruder 2018, arXiv 1801.06146)."""

    method: Literal["gradual"] = "gradual"
    unfreeze: Annotated[tuple[Unfreezing, ...], *_AtLeastOne]
    """Which blocks from which step on: in ascending order, the first at step 0. Blocks that are not trained yet compute in
    evaluation mode."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        steps = [stage.step for stage in self.unfreeze]
        if steps[0] != 0:
            raise SpecFault(
                "unfreeze_begins_late",
                f"unfreeze must begin at step 0, not {steps[0]}: before it nothing would be said",
                step=steps[0],
            )
        if any(later <= earlier for earlier, later in itertools.pairwise(steps)):
            raise SpecFault(
                "unfreeze_not_increasing",
                f"the steps of unfreeze must increase, not be {', '.join(map(str, steps))}",
                case="steps",
                steps=steps,
            )
        trained = [(stage.blocks, stage.embeddings) for stage in self.unfreeze]
        if any(later < earlier for earlier, later in itertools.pairwise(trained)):
            raise SpecFault(
                "unfreeze_not_increasing",
                "the blocks of unfreeze must not decrease: a block that is trained stays so",
                case="blocks",
            )
        return self


class Lora(Spec):
    """Low-rank updates of frozen matrices (LoRA, Hu et al. 2021, arXiv 2106.09685), by ``peft``; the head is trained as well.

    A checkpoint contains the network with the updates merged into its weights, and both separately in ``peft``'s layout.
    """

    method: Literal["lora"] = "lora"
    rank: Annotated[int, Field(ge=1, le=4096)] = 8
    """Rank of the updates."""
    alpha: Annotated[float, Field(gt=0.0, le=65536.0)] = 16.0
    """The updates are scaled by ``alpha / rank``."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Dropout of the updates' inputs in training."""
    targets: Targets = ("all",)
    """Which maps (linear layers, or convolutions) of the blocks: parts of a block by name (``attention``, ``feed_forward``;
    of a ResNet ``convolution``; ``all``), or patterns of the maps' own names, such as ``query`` or
    ``blocks.[0-3].attention.*``."""
    dora: bool = False
    """Train the lengths of the matrices' rows separately from their directions (DoRA, Liu et al. 2024, arXiv 2402.09353)."""
    rslora: bool = False
    """Scale by ``alpha / sqrt(rank)`` instead (rsLoRA, Kalajdzievski 2023, arXiv 2312.03732)."""


class Ia3(Spec):
    """One trained factor for each output of some maps (IA³, Liu et al. 2022, arXiv 2205.05638), by ``peft``; and the head.

    As in the paper, attention has factors for keys and values, and a feed-forward layer for the inputs of its last map.
    """

    method: Literal["ia3"] = "ia3"
    targets: Targets = ("all",)
    """As for ``lora``; of a part that is named, only the maps of the paper have factors."""


class Adapters(Spec):
    """Bottlenecks inside frozen blocks (adapters, Houlsby et al. 2019, arXiv 1902.00751); the head is trained as well.

    They cannot be merged. A checkpoint opens with ``trust_remote_code=True``: it contains the source of its architecture.
    """

    method: Literal["adapters"] = "adapters"
    placement: Literal["houlsby", "pfeiffer"] = "pfeiffer"
    """``houlsby``: behind attention and behind the feed-forward layer. ``pfeiffer``: behind the feed-forward layer only
    (Pfeiffer et al. 2020, arXiv 2005.00247)."""
    size: AutoOr[Annotated[int, Field(ge=1, le=65536)]] = "auto"
    """Width of a bottleneck. ``auto``: a sixteenth of the network's width."""
    activation: Literal["relu", "gelu", "silu"] = "relu"
    """Activation between the two layers of a bottleneck."""

    def width(self, hidden_size: int) -> int:
        """Width of a bottleneck in a network of that width."""
        return max(1, hidden_size // 16) if self.size == "auto" else self.size


Adaptation = Annotated[Full | Frozen | Gradual | Lora | Ia3 | Adapters, Field(discriminator="method")]
