"""What an image job weighs: its parameters, counted, and its saved activations, estimated.

A transformer's token costs a layer what `core.spec.estimate` says, less the dropout masks. A residual network keeps two
numbers for each that a convolution gives (what its norm is fed, and what the norm and the ReLU give).
"""

from core.spec.decoders import resnet_map_side
from core.spec.gan_sizes import GanSize, gan_numbers
from core.spec.image_heads import gan_parameters, head_parameters
from core.spec.job import JobSpec
from core.spec.model import ResNetSize, TransformerSize, is_small_image
from core.spec.parameters import count_block, count_resnet, count_vit
from core.tasks.colorization.spec import Colorization
from core.tasks.gan.spec import GenerativeAdversarialNetwork
from core.tasks.joint_embedding_prediction.spec import JointEmbeddingPrediction
from core.tasks.masked_autoencoder.spec import MaskedAutoencoding
from core.tasks.rotation.spec import RotationPrediction


def image_parameters(spec: JobSpec) -> int:
    """Trained numbers of the encoder, and of the heads that pretraining adds to it."""
    size, channels, task, side = spec.network_size, spec.data.image.channels, spec.task, spec.data.image.size
    if isinstance(size, GanSize):
        assert isinstance(task, GenerativeAdversarialNetwork)
        return gan_parameters(task, spec.architecture, size, image_size=side, channels=channels)
    if isinstance(task, Colorization):
        channels = 1  # lightness
    if isinstance(size, ResNetSize):
        small = is_small_image(side)
        count = count_resnet(size, channels=channels, small_images=small)
        width = size.widths[-1]
        map_side = resnet_map_side(side, stages=len(size.depths), small_images=small)
    else:
        count = count_vit(spec.size, patches=spec.patches, patch_size=spec.patch_size, channels=channels)
        width, map_side = spec.size.hidden_size, side // spec.patch_size
    if isinstance(task, RotationPrediction):
        return count + 4 * width + 4
    if isinstance(task, MaskedAutoencoding):
        decoder = task.decoder_size(spec.size)
        pixels = channels * spec.patch_size**2
        # The positions of both are fixed, the mask token is learned, and a norm stands before the pixels.
        count -= (spec.patches + 1) * width
        count += _projections(width, decoder.hidden_size, pixels) + 3 * decoder.hidden_size
        return count + decoder.layers * count_block(decoder)
    if isinstance(task, JointEmbeddingPrediction):
        predictor = task.predictor_size(spec.size)
        # Positions are fixed, and there is no class token.
        count -= (spec.patches + 2) * width
        count += _projections(width, predictor.hidden_size, width) + 3 * predictor.hidden_size
        return count + predictor.layers * count_block(predictor)
    return count + head_parameters(task, width=width, map_side=map_side, image_size=side, channels=channels)


def image_activation_bytes(spec: JobSpec) -> int:
    """What autograd keeps of one part of a batch."""
    training, task, network = spec.training, spec.task, spec.network_size
    half = training.precision == "bf16" or (training.precision == "auto" and spec.resources.device != "cpu")
    images = training.least_sequences_per_step // training.accumulation_steps
    side = spec.data.image.size
    if isinstance(network, GanSize):
        return images * (2 if half else 4) * gan_numbers(spec.architecture, network.width, side)
    if isinstance(network, ResNetSize):
        return images * task.views * (4 if half else 8) * _resnet_numbers(network, side)
    size, patches = spec.size, spec.patches
    if isinstance(task, MaskedAutoencoding):
        seen = task.kept_patches(patches) + 1
        decoder = _token_bytes(task.decoder_size(size), half=half) * (patches + 1)
        return images * (_token_bytes(size, half=half) * seen + decoder)
    if isinstance(task, JointEmbeddingPrediction):
        share = sum(task.target_scale) / 2
        # Blocks overlap: each covers its share of what the ones before it left.
        context = int(patches * sum(task.context_scale) / 2 * max(0.0, 1 - share) ** task.target_blocks)
        predicted = task.target_blocks * (context + int(patches * share))
        predictor = _token_bytes(task.predictor_size(size), half=half) * predicted
        return images * (_token_bytes(size, half=half) * context + predictor)
    return images * task.views * _token_bytes(size, half=half) * (patches + 1)


def _projections(width: int, inner: int, out: int) -> int:
    """Into a helper network and out of it."""
    return width * inner + inner + inner * out + out


def _token_bytes(size: TransformerSize, *, half: bool) -> int:
    """Of all layers, for one token."""
    a_layer = (16 if half else 32) * size.hidden_size + (4 if half else 8) * size.intermediate_size
    return size.layers * a_layer


def _resnet_numbers(size: ResNetSize, side: int) -> int:
    """Numbers that the convolutions give for one image."""
    if is_small_image(side):
        count = side**2 * size.stem_width
    else:
        count = (side // 2) ** 2 * size.stem_width
        side //= 4
    inner = 1 if size.block == "basic" else 4
    for stage, (depth, width) in enumerate(zip(size.depths, size.widths, strict=True)):
        side = side if stage == 0 else -(-side // 2)
        a_block = 2 * width if size.block == "basic" else 2 * width // inner + width
        count += side**2 * (depth * a_block + (width if stage or size.block == "bottleneck" else 0))
    return count
