"""Which network: a preset by name, or sizes written out."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from core.spec.base import Spec

Preset = Literal["bert-tiny", "bert-mini", "bert-small", "bert-medium", "bert-base"]


class BertSize(Spec):
    """Sizes of a BERT encoder."""

    layers: Annotated[int, Field(ge=1, le=200)]
    hidden_size: Annotated[int, Field(ge=8, le=65536)]
    heads: Annotated[int, Field(ge=1, le=1024)]
    intermediate_size: Annotated[int, Field(ge=8, le=1_048_576)]


# Turc et al. 2019, "Well-Read Students Learn Better" (arXiv 1908.08962), table 1; base is BERT's own.
BERT_PRESETS: dict[str, BertSize] = {
    "bert-tiny": BertSize(layers=2, hidden_size=128, heads=2, intermediate_size=512),
    "bert-mini": BertSize(layers=4, hidden_size=256, heads=4, intermediate_size=1024),
    "bert-small": BertSize(layers=4, hidden_size=512, heads=8, intermediate_size=2048),
    "bert-medium": BertSize(layers=8, hidden_size=512, heads=8, intermediate_size=2048),
    "bert-base": BertSize(layers=12, hidden_size=768, heads=12, intermediate_size=3072),
}


class ModelSpec(Spec):
    """A preset, explicit sizes, or a preset with some sizes changed."""

    preset: Preset | None = None
    """A published size to start from. Default ``bert-mini`` where no size is written out."""

    layers: Annotated[int, Field(ge=1, le=200)] | None = None
    """Transformer blocks."""

    hidden_size: Annotated[int, Field(ge=8, le=65536)] | None = None
    """Width of the residual stream; a multiple of ``heads``."""

    heads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Attention heads."""

    intermediate_size: Annotated[int, Field(ge=8, le=1_048_576)] | None = None
    """Width of the feed-forward layer. Default: four times ``hidden_size``."""

    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Dropout of hidden states and attention in training."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.preset is None:
            missing = [n for n in ("layers", "hidden_size", "heads") if getattr(self, n) is None]
            if 0 < len(missing) < 3:
                raise ValueError(
                    f"without a preset, layers, hidden_size and heads go together; missing: {', '.join(missing)}"
                )
        size = self.size
        if size.hidden_size % size.heads:
            raise ValueError(f"hidden_size ({size.hidden_size}) must be a multiple of heads ({size.heads})")
        return self

    @property
    def size(self) -> BertSize:
        """The sizes that this comes to."""
        if self.preset is None and self.hidden_size is None:
            base = BERT_PRESETS["bert-mini"]
        elif self.preset is not None:
            base = BERT_PRESETS[self.preset]
        else:
            assert self.layers
            assert self.hidden_size
            assert self.heads
            base = BertSize(
                layers=self.layers,
                hidden_size=self.hidden_size,
                heads=self.heads,
                intermediate_size=4 * self.hidden_size,
            )
        hidden = self.hidden_size or base.hidden_size
        intermediate = self.intermediate_size or (4 * hidden if self.hidden_size else base.intermediate_size)
        return BertSize(
            layers=self.layers or base.layers,
            hidden_size=hidden,
            heads=self.heads or base.heads,
            intermediate_size=intermediate,
        )
