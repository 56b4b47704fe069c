"""Settings of the network: a preset by name, or explicit sizes."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, model_validator

from core.spec.architectures import ARCHITECTURES, PRESETS
from core.spec.architectures.base import SETTINGS, Size
from core.spec.base import Spec
from core.spec.faults import SpecFault

if TYPE_CHECKING:
    Architecture = str
    Preset = str
else:
    Architecture = Literal[tuple(ARCHITECTURES)]
    Preset = Literal[tuple(PRESETS)]


_POSITIONS = ("max_position_embeddings", "n_positions")
_NOT_IN_CONFIG = frozenset(
    {
        "architectures",
        "attn_implementation",
        "auto_map",
        "dtype",
        "model_type",
        "quantization_config",
        "torch_dtype",
        *(name for size in ARCHITECTURES.values() for name in size.published_sizes),
        *(name for size in ARCHITECTURES.values() for name in size.decided_settings),
    }
)
"""Settings that other fields of a spec decide, or that name code."""


def presets_of(*architectures: Architecture, default: Preset) -> tuple[str, ...]:
    """The presets of some architectures, ``default`` first."""
    names = [name for name, size in PRESETS.items() if size.architecture in architectures]
    return (default, *(name for name in names if name != default))


class ModelSpec(Spec):
    """A preset, explicit sizes, or a preset with some sizes changed."""

    preset: Preset | None = None
    """A published size to start from. Default: the task's own, unless sizes are set."""

    architecture: Architecture | None = None
    """Architecture of the network, where sizes are set instead of a preset. Default: the task's own."""

    layers: Annotated[int, Field(ge=1, le=200)] | None = None
    """Number of transformer blocks; for an encoder-decoder, in each of the two."""

    hidden_size: Annotated[int, Field(ge=8, le=65536)] | None = None
    """Width of the residual stream; a multiple of ``heads``."""

    heads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Attention heads."""

    intermediate_size: Annotated[int, Field(ge=8, le=1_048_576)] | None = None
    """Width of the feed-forward layer. Default: in proportion to ``hidden_size`` as in the preset."""

    patch_size: Annotated[int, Field(ge=1, le=256)] | None = None
    """For a ViT: pixels on a patch's side; must divide the image's side. Default: 4 for images of at most 40 pixels,
    16 above."""

    depths: tuple[Annotated[int, Field(ge=1, le=200)], ...] | None = None
    """For a ResNet: residual blocks per stage. Default: the preset's."""

    widths: tuple[Annotated[int, Field(ge=4, le=65536)], ...] | None = None
    """For a ResNet: output channels of each stage, as many values as ``depths``. Default: the preset's."""

    width: Annotated[int, Field(ge=4, le=4096)] | None = None
    """For a GAN's two networks: channels; for ``dcgan`` of the map with the highest resolution, for
    ``resgan`` everywhere. Default: the preset's."""

    config: dict[str, JsonValue] | None = None
    """Further settings of the network's ``config.json`` in `transformers`, for a network as somebody else made it: activation
    functions, epsilons, numbers of positions, biases. The service fills them in where a job starts from an uploaded
    checkpoint. What they leave out has the default of `transformers` then. The sizes are in the other fields."""

    preprocessor: dict[str, JsonValue] | None = None
    """Settings of the network's ``preprocessor_config.json`` in `transformers`, for a network of images or audio as somebody else
    made it: mean and standard deviation of its inputs. The service fills them in where a job starts from an uploaded checkpoint.
    Default: those of the training data."""

    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    """Dropout of hidden states and attention in training; for a Llama, of attention alone. Default: 0.1 for BERT,
    GPT-2, T5 and wav2vec 2.0; none for Llama, ModernBERT, images and spectrograms. A ResNet has none."""

    @model_validator(mode="after")
    def _config_fits(self) -> Self:
        for name in self.config or ():
            if name in _NOT_IN_CONFIG or name.startswith("_"):
                raise SpecFault("config_setting", f"config may not set {name!r}; leave it out", name=name)
        return self

    @property
    def frames(self) -> int | None:
        """Frames of a spectrogram that ``config`` sets for an AST."""
        value = (self.config or {}).get("max_length")
        return value if isinstance(value, int) and value > 0 else None

    @property
    def patch_strides(self) -> tuple[int, int] | None:
        """Bands and frames from a patch of a spectrogram to the next that ``config`` sets for an AST."""
        bands, times = ((self.config or {}).get(name) for name in ("frequency_stride", "time_stride"))
        return (bands, times) if isinstance(bands, int) and isinstance(times, int) else None

    @property
    def positions(self) -> int | None:
        """Number of learned positions that ``config`` sets."""
        for name in _POSITIONS:
            value = (self.config or {}).get(name)
            if isinstance(value, int) and value > 0:
                return value
        return None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.preset is None:
            missing = [n for n in ("layers", "hidden_size", "heads") if getattr(self, n) is None]
            if 0 < len(missing) < 3:
                raise SpecFault(
                    "sizes_missing",
                    f"without a preset, layers, hidden_size and heads go together; missing: {', '.join(missing)}",
                    missing=missing,
                )
        elif self.architecture not in {None, known := PRESETS[self.preset].architecture}:
            raise SpecFault(
                "architecture_of_preset",
                f"preset {self.preset} is a {known}; leave architecture out",
                preset=self.preset,
                architecture=known,
            )
        return self

    def base(self, presets: tuple[str, ...]) -> str:
        """The preset to which the settings are changes: the one that is named, else the task's for the architecture.

        Args:
            presets: the task's, its default first.
        """
        default = next(
            (name for name in presets if self.architecture in {None, PRESETS[name].architecture}), presets[0]
        )
        return self.preset or default

    def resolve(self, presets: tuple[str, ...]) -> Size:
        """The network's sizes that these settings give for a task.

        Args:
            presets: the task's, its default first.

        Raises:
            ValueError: if the task does not train such a network, or the sizes do not fit each other.
        """
        base = PRESETS[self.base(presets)]
        wanted = self.architecture or base.architecture
        if wanted not in {PRESETS[name].architecture for name in presets}:
            raise SpecFault(
                "model_not_of_task",
                f"the task does not train {self.preset or self.architecture}; it trains {', '.join(presets)}",
                model=self.preset or self.architecture,
                presets=presets,
            )
        given: dict[str, Any] = {
            name: value for name in SETTINGS if (value := getattr(self, name)) is not None
        }
        if foreign := [name for name in given if name not in base.settings]:
            raise SpecFault(
                "setting_not_of_architecture",
                f"a network of kind {base.architecture} has no {foreign[0]}; leave it out",
                architecture=base.architecture,
                setting=foreign[0],
            )
        return base.changed(given)
