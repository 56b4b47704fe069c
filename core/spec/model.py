"""Which network: a preset by name, or sizes written out."""

import math
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from core.spec.base import Spec
from core.spec.gan_sizes import GanSize

Architecture = Literal[
    "ast", "bert", "dcgan", "gpt2", "llama", "modernbert", "resgan", "resnet", "t5", "vit", "wav2vec2"
]
Preset = Literal[
    "ast-tiny",
    "ast-small",
    "ast-base",
    "bert-tiny",
    "bert-mini",
    "bert-small",
    "bert-medium",
    "bert-base",
    "dcgan-mini",
    "dcgan-base",
    "gpt2-tiny",
    "gpt2-mini",
    "gpt2-small",
    "llama-tiny",
    "llama-mini",
    "llama-small",
    "modernbert-mini",
    "modernbert-small",
    "modernbert-base",
    "resgan-mini",
    "resgan-base",
    "resnet-mini",
    "resnet-18",
    "resnet-50",
    "t5-tiny",
    "t5-mini",
    "t5-small",
    "vit-micro",
    "vit-mini",
    "vit-tiny",
    "vit-small",
    "vit-base",
    "wav2vec2-tiny",
    "wav2vec2-small",
    "wav2vec2-base",
]


_ROTARY: frozenset[Architecture] = frozenset({"llama", "modernbert"})
"""Networks with rotary positions (Su et al. 2021, arXiv 2104.09864)."""


class TransformerSize(Spec):
    """Sizes of a transformer."""

    layers: Annotated[int, Field(ge=1, le=200)]
    hidden_size: Annotated[int, Field(ge=8, le=65536)]
    heads: Annotated[int, Field(ge=1, le=1024)]
    intermediate_size: Annotated[int, Field(ge=8, le=1_048_576)]

    def narrowed(self, layers: int, hidden_size: int | None, param: str) -> Self:
        """Sizes of a helper network with as many heads, by default half as wide.

        Args:
            hidden_size: its width; None: half of this one's, rounded up to a multiple of 4 and of the heads.
            param: the name of the field that says it.

        Raises:
            ValueError: for a width that its heads or its fixed positions do not divide.
        """
        multiple = math.lcm(4, self.heads)
        width = hidden_size or multiple * math.ceil(self.hidden_size / 2 / multiple)
        if width % multiple:
            raise ValueError(f"{param} ({width}) must be a multiple of {multiple}")
        return type(self)(layers=layers, hidden_size=width, heads=self.heads, intermediate_size=4 * width)


class ResNetSize(Spec):
    """Sizes of a residual convolutional network (He et al. 2015, arXiv 1512.03385)."""

    block: Literal["basic", "bottleneck"]
    """Two 3x3 convolutions, or a 3x3 between two 1x1 that narrow and widen by four."""
    depths: Annotated[tuple[Annotated[int, Field(ge=1, le=200)], ...], Field(min_length=1, max_length=8)]
    """Blocks a stage; each stage after the first halves the resolution."""
    widths: Annotated[tuple[Annotated[int, Field(ge=4, le=65536)], ...], Field(min_length=1, max_length=8)]
    """Channels that each stage gives."""

    @property
    def stem_width(self) -> int:
        """Channels of the first convolution."""
        return self.widths[0] // (4 if self.block == "bottleneck" else 1)


Size = TransformerSize | ResNetSize | GanSize


def _size(layers: int, hidden_size: int, heads: int, intermediate_size: int | None = None) -> TransformerSize:
    return TransformerSize(
        layers=layers,
        hidden_size=hidden_size,
        heads=heads,
        intermediate_size=intermediate_size or 4 * hidden_size,
    )


PRESETS: dict[str, tuple[Architecture, Size]] = {
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
    # The widths and depths of the gpt2 presets; feed-forward layers of 8/3 the width, as Touvron et al. 2023
    # (arXiv 2302.13971), which with their gate are as large as GPT-2's.
    "llama-tiny": ("llama", _size(4, 128, 4, 352)),
    "llama-mini": ("llama", _size(6, 384, 6, 1024)),
    "llama-small": ("llama", _size(12, 768, 12, 2048)),
    # Warner et al. 2024 (arXiv 2412.13663): base; the smaller ones are Ettin's 17m and 32m (Weller et al. 2025,
    # arXiv 2507.11412).
    "modernbert-mini": ("modernbert", _size(7, 256, 4, 384)),
    "modernbert-small": ("modernbert", _size(10, 384, 6, 576)),
    "modernbert-base": ("modernbert", _size(22, 768, 12, 1152)),
    # So many layers in the encoder and as many in the decoder. Small has the depth and widths of T5 1.1's small, with
    # eight heads that share the width where that has six of 64; the others are below it, for small data.
    "t5-tiny": ("t5", _size(2, 128, 4, 320)),
    "t5-mini": ("t5", _size(4, 256, 4, 640)),
    "t5-small": ("t5", _size(8, 512, 8, 1024)),
    # Gong et al. 2021, "AST" (arXiv 2104.01778): ViT's base; tiny and small are for small data.
    "ast-tiny": ("ast", _size(4, 192, 3)),
    "ast-small": ("ast", _size(12, 384, 6)),
    "ast-base": ("ast", _size(12, 768, 12)),
    # Baevski et al. 2020 (arXiv 2006.11477): its BASE, and two for small data.
    "wav2vec2-tiny": ("wav2vec2", _size(4, 192, 4)),
    "wav2vec2-small": ("wav2vec2", _size(6, 384, 6)),
    "wav2vec2-base": ("wav2vec2", _size(12, 768, 12)),
    # Radford et al. 2015 (arXiv 1511.06434), figure 1, has 128; Miyato et al. 2018 (arXiv 1802.05957), table 4, 256 and
    # 128. The minis are for a CPU.
    "dcgan-mini": ("dcgan", GanSize(width=32)),
    "dcgan-base": ("dcgan", GanSize(width=128)),
    "resgan-mini": ("resgan", GanSize(width=32)),
    "resgan-base": ("resgan", GanSize(width=128)),
    # He et al. 2015 (arXiv 1512.03385), table 1; mini, with one block a stage and half the widths, is for a CPU.
    "resnet-mini": (
        "resnet",
        ResNetSize(block="basic", depths=(1, 1, 1, 1), widths=(32, 64, 128, 256)),
    ),
    "resnet-18": (
        "resnet",
        ResNetSize(block="basic", depths=(2, 2, 2, 2), widths=(64, 128, 256, 512)),
    ),
    "resnet-50": (
        "resnet",
        ResNetSize(block="bottleneck", depths=(3, 4, 6, 3), widths=(256, 512, 1024, 2048)),
    ),
    # Tiny and small are DeiT's (Touvron et al. 2020, arXiv 2012.12877), base is ViT's own (Dosovitskiy et al. 2020,
    # arXiv 2010.11929); mini and micro are for images of 32 pixels.
    "vit-micro": ("vit", _size(4, 128, 4)),
    "vit-mini": ("vit", _size(6, 192, 3)),
    "vit-tiny": ("vit", _size(12, 192, 3)),
    "vit-small": ("vit", _size(12, 384, 6)),
    "vit-base": ("vit", _size(12, 768, 12)),
}
assert set(PRESETS) == set(get_args(Preset))


SMALL_IMAGE_PIXELS = 40
"""Images of at most so many pixels a side keep their resolution in a ResNet's stem, and have small patches."""


def is_small_image(size: int) -> bool:
    """Whether networks treat images of ``size`` pixels a side as small."""
    return size <= SMALL_IMAGE_PIXELS


def patch_size_for(size: int) -> int:
    """Pixels on a patch's side where the spec names none."""
    return 4 if is_small_image(size) else 16


def check_patches(patch_size: int, size: int) -> None:
    """
    Raises:
        ValueError: where patches do not fill images of ``size`` pixels a side.
    """
    if size % patch_size:
        raise ValueError(
            f"patches of {patch_size} pixels do not fill an image of {size} (data.image.size); "
            "set model.patch_size to a divisor of it"
        )


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
    """Transformer blocks; of an encoder-decoder, in each of the two."""

    hidden_size: Annotated[int, Field(ge=8, le=65536)] | None = None
    """Width of the residual stream; a multiple of ``heads``."""

    heads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Attention heads."""

    intermediate_size: Annotated[int, Field(ge=8, le=1_048_576)] | None = None
    """Width of the feed-forward layer. Default: in proportion to ``hidden_size`` as in the preset."""

    patch_size: Annotated[int, Field(ge=1, le=256)] | None = None
    """Of a ViT: pixels on a patch's side; must divide the image's. Default: 4 for images of at most 40 pixels,
    16 above."""

    depths: tuple[Annotated[int, Field(ge=1, le=200)], ...] | None = None
    """Of a ResNet: residual blocks a stage. Default: the preset's."""

    widths: tuple[Annotated[int, Field(ge=4, le=65536)], ...] | None = None
    """Of a ResNet: channels that each stage gives, as many as ``depths``. Default: the preset's."""

    width: Annotated[int, Field(ge=4, le=4096)] | None = None
    """Of a GAN's two networks: channels, of ``dcgan`` at the finest map, of ``resgan`` everywhere. Default: the preset's."""

    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    """Dropout of hidden states and attention in training; of a Llama, of attention alone. Default: 0.1 for BERT, GPT-2, T5
    and wav2vec 2.0; none for Llama, ModernBERT, images and spectrograms. A ResNet has none."""

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

    def resolve(self, presets: tuple[str, ...]) -> tuple[Architecture, Size]:
        """The architecture and the sizes that this comes to for a task.

        Args:
            presets: the task's, its default first.

        Raises:
            ValueError: where the task does not train such a network, or the sizes do not fit each other.
        """
        allowed = {PRESETS[name][0] for name in presets}
        default = next(
            (name for name in presets if self.architecture in {None, PRESETS[name][0]}), presets[0]
        )
        architecture, base = PRESETS[self.preset or default]
        if (self.architecture or architecture) not in allowed:
            wanted = self.preset or self.architecture
            raise ValueError(f"the task does not train {wanted}; it trains {', '.join(presets)}")
        foreign = _foreign_fields(architecture)
        given = [name for name in foreign if getattr(self, name) is not None]
        if given:
            raise ValueError(f"a network of kind {architecture} has no {given[0]}; leave it out")
        if isinstance(base, GanSize):
            return architecture, GanSize(width=self.width or base.width)
        size = self._resnet(base) if isinstance(base, ResNetSize) else self._transformer(architecture, base)
        return architecture, size

    def _transformer(self, architecture: Architecture, base: TransformerSize) -> TransformerSize:
        hidden = self.hidden_size or base.hidden_size
        size = TransformerSize(
            layers=self.layers or base.layers,
            hidden_size=hidden,
            heads=self.heads or base.heads,
            intermediate_size=self.intermediate_size or hidden * base.intermediate_size // base.hidden_size,
        )
        if size.hidden_size % size.heads:
            raise ValueError(f"hidden_size ({size.hidden_size}) must be a multiple of heads ({size.heads})")
        if architecture in _ROTARY and size.hidden_size // size.heads % 2:
            raise ValueError(
                f"a {architecture} turns pairs of numbers: hidden_size / heads must be even, "
                f"not {size.hidden_size // size.heads}"
            )
        return size

    def _resnet(self, base: ResNetSize) -> ResNetSize:
        size = ResNetSize(
            block=base.block, depths=self.depths or base.depths, widths=self.widths or base.widths
        )
        if len(size.depths) != len(size.widths):
            raise ValueError(
                f"depths has {len(size.depths)} stages and widths {len(size.widths)}; they go together"
            )
        if size.block == "bottleneck" and any(width % 4 for width in size.widths):
            raise ValueError("widths of a network with bottlenecks must be multiples of 4")
        return size


def _foreign_fields(architecture: Architecture) -> tuple[str, ...]:
    """Fields of `ModelSpec` that say nothing of such a network."""
    transformer = ("layers", "hidden_size", "heads", "intermediate_size", "dropout")
    if architecture in {"dcgan", "resgan"}:
        return (*transformer, "patch_size", "depths", "widths")
    if architecture == "resnet":
        return (*transformer, "patch_size", "width")
    if architecture == "vit":
        return ("depths", "widths", "width")
    return ("depths", "widths", "width", "patch_size")
