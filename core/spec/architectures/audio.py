"""What audio encoders have in common: audio samples as input, a sequence of tokens as output."""

from core.spec.architectures.base import Inputs
from core.spec.architectures.transformer import TransformerSize


def audio_block_bytes(size: TransformerSize, inputs: Inputs, tokens: int) -> int:
    """Bytes of the saved activations of a transformer on ``tokens`` of each clip of a micro-batch."""
    attended = tokens if inputs.device == "cpu" else 0
    return size.block_bytes(
        inputs.samples * tokens, *((18, 4) if inputs.half else (34, 8)), attended=attended
    )
