"""Which network: a preset by name, or sizes written out."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from core.spec.base import Spec

Architecture = Literal["ast", "bert", "gpt2", "wav2vec2"]
Preset = Literal[
    "ast-tiny",
    "ast-small",
    "ast-base",
    "bert-tiny",
    "bert-mini",
    "bert-small",
    "bert-medium",
    "bert-base",
    "gpt2-tiny",
    "gpt2-mini",
    "gpt2-small",
    "wav2vec2-tiny",
    "wav2vec2-small",
    "wav2vec2-base",
]


class TransformerSize(Spec):
    """Sizes of a transformer."""

    layers: Annotated[int, Field(ge=1, le=200)]
    hidden_size: Annotated[int, Field(ge=8, le=65536)]
    heads: Annotated[int, Field(ge=1, le=1024)]
    intermediate_size: Annotated[int, Field(ge=8, le=1_048_576)]


def _size(layers: int, hidden_size: int, heads: int) -> TransformerSize:
    return TransformerSize(
        layers=layers, hidden_size=hidden_size, heads=heads, intermediate_size=4 * hidden_size
    )


PRESETS: dict[str, tuple[Architecture, TransformerSize]] = {
    # Turc et al. 2019, "Well-Read Students Learn Better" (arXiv 1908.08962), table 1; base is BERT's own.
    "bert-tiny": ("bert", _size(2, 128, 2)),
    "bert-mini": ("bert", _size(4, 256, 4)),
    "bert-small": ("bert", _size(4, 512, 8)),
    "bert-medium": ("bert", _size(8, 512, 8)),
    "bert-base": ("bert", _size(12, 768, 12)),
    # Radford et al. 2019: the smallest of GPT-2, and two for small data below it.
    "gpt2-tiny": ("gpt2", _size(4, 128, 4)),
    "gpt2-mini": ("gpt2", _size(6, 384, 6)),
    "gpt2-small": ("gpt2", _size(12, 768, 12)),
    # Gong et al. 2021, "AST" (arXiv 2104.01778): ViT's base; tiny and small are for small data.
    "ast-tiny": ("ast", _size(4, 192, 3)),
    "ast-small": ("ast", _size(12, 384, 6)),
    "ast-base": ("ast", _size(12, 768, 12)),
    # Baevski et al. 2020 (arXiv 2006.11477): its BASE, and two for small data.
    "wav2vec2-tiny": ("wav2vec2", _size(4, 192, 4)),
    "wav2vec2-small": ("wav2vec2", _size(6, 384, 6)),
    "wav2vec2-base": ("wav2vec2", _size(12, 768, 12)),
}
assert set(PRESETS) == set(get_args(Preset))


def presets_of(*architectures: Architecture, default: Preset) -> tuple[str, ...]:
    """The presets of some architectures, ``default`` first."""
    names = [name for name, (architecture, _) in PRESETS.items() if architecture in architectures]
    return (default, *(name for name in names if name != default))


class ModelSpec(Spec):
    """A preset, explicit sizes, or a preset with some sizes changed."""

    preset: Preset | None = None
    """A published size to start from. Default: the task's own, where no size is written out."""

    architecture: Architecture | None = None
    """Kind of network, where sizes are written out in place of a preset. Default: the task's own."""

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
        elif self.architecture not in {None, PRESETS[self.preset][0]}:
            raise ValueError(f"preset {self.preset} is a {PRESETS[self.preset][0]}; leave architecture out")
        return self

    def resolve(self, presets: tuple[str, ...]) -> tuple[Architecture, TransformerSize]:
        """The architecture and the sizes that this comes to for a task.

        Args:
            presets: the task's, its default first.

        Raises:
            ValueError: where the task does not train such a network, or heads do not divide the width.
        """
        allowed = {PRESETS[name][0] for name in presets}
        default = next(
            (name for name in presets if self.architecture in {None, PRESETS[name][0]}), presets[0]
        )
        architecture, base = PRESETS[self.preset or default]
        if (self.architecture or architecture) not in allowed:
            wanted = self.preset or self.architecture
            raise ValueError(f"the task does not train {wanted}; it trains {', '.join(presets)}")
        hidden = self.hidden_size or base.hidden_size
        size = TransformerSize(
            layers=self.layers or base.layers,
            hidden_size=hidden,
            heads=self.heads or base.heads,
            intermediate_size=self.intermediate_size
            or (4 * hidden if self.hidden_size else base.intermediate_size),
        )
        if size.hidden_size % size.heads:
            raise ValueError(f"hidden_size ({size.hidden_size}) must be a multiple of heads ({size.heads})")
        return architecture, size
