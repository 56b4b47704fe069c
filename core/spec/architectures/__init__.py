"""The architectures that jobs can train: names, sizes, number of parameters and memory; one file each, no torch.

The networks themselves are created in `core.networks`.
"""

from core.spec.architectures.ast import AstSize
from core.spec.architectures.base import Size
from core.spec.architectures.bert import BertSize
from core.spec.architectures.dcgan import DcganSize
from core.spec.architectures.gpt2 import Gpt2Size
from core.spec.architectures.llama import LlamaSize
from core.spec.architectures.mlp import MlpSize
from core.spec.architectures.modernbert import ModernBertSize
from core.spec.architectures.resgan import ResGanSize
from core.spec.architectures.resnet import ResNetSize
from core.spec.architectures.t5 import T5Size
from core.spec.architectures.vit import VitSize
from core.spec.architectures.wav2vec2 import Wav2Vec2Size

_ALL: tuple[type[Size], ...] = (
    AstSize,
    BertSize,
    DcganSize,
    Gpt2Size,
    LlamaSize,
    MlpSize,
    ModernBertSize,
    ResGanSize,
    ResNetSize,
    T5Size,
    VitSize,
    Wav2Vec2Size,
)
ARCHITECTURES: dict[str, type[Size]] = {size.architecture: size for size in _ALL}
"""Architecture by name."""
PRESETS: dict[str, Size] = {name: preset for size in _ALL for name, preset in size.presets().items()}
"""Preset by name, grouped by architecture."""
