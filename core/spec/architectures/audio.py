"""What all encoders of recordings have in common: samples in, a row of tokens out."""

from core.spec.architectures.base import Inputs
from core.spec.architectures.transformer import TransformerSize


def audio_block_bytes(size: TransformerSize, inputs: Inputs, tokens: int) -> int:
    """Saved activations of a transformer on ``tokens`` of each clip of a micro-batch."""
    attended = tokens if inputs.device == "cpu" else 0
    return size.block_bytes(
        inputs.samples * tokens, *((18, 4) if inputs.half else (34, 8)), attended=attended
    )
