"""Opens the network in a checkpoint's root for an export: in fp32, in evaluation mode, every weight from the file."""

import importlib
import json
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel, ViTModel
from transformers.models.vit_mae.modeling_vit_mae import ViTMAEForPreTraining
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2ForPreTraining

from core.errors import EngineError

_OWN_MODULES = frozenset(
    {
        "bottleneck_adapters",
        "image_generator",
        "image_perceptron",
        "small_image_resnet",
        "small_image_resnet_classifier",
        "t5_encoder_classifier",
        "t5_encoder_classifier_with_adapters",
    }
)
"""Modules of `core.networks` whose source a checkpoint may contain. The installed module is imported, never the copy."""


def open_network(checkpoint: Path) -> PreTrainedModel:
    """The network of ``config.json`` with the weights beside it.

    Of networks that only pretraining uses (masked autoencoder, wav2vec 2.0 with its quantizer) it is the encoder.

    Raises:
        EngineError: ``export_unsupported`` if the files do not open, or lack weights.
    """
    name = checkpoint.name
    try:
        document = json.loads((checkpoint / "config.json").read_text())
        [name] = document["architectures"]
        kind = _class(name, document.get("auto_map") or {})
        if issubclass(kind, ViTMAEForPreTraining):
            kind = ViTModel
        model, report = _read(kind, checkpoint)
        if report["missing_keys"] and all(key.startswith("pooler.") for key in report["missing_keys"]):
            # An encoder that was stored without the pooler that its class adds.
            model, report = _read(kind, checkpoint, add_pooling_layer=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise unsupported(name, f"it does not open with transformers: {why}") from error
    if missing := sorted(map(str, report["missing_keys"])):
        raise unsupported(name, f"{len(missing)} of its weights are missing, such as {missing[0]}")
    if isinstance(model, Wav2Vec2ForPreTraining):
        model = model.wav2vec2
    found: PreTrainedModel = model.eval()
    return found


def unsupported(architecture: str, why: str) -> EngineError:
    """The error for a network that cannot be written in the format."""
    return EngineError(
        "export_unsupported",
        f"{architecture} cannot be exported: {why}.",
        "Choose another format, or use the checkpoint as it is: it opens with transformers.",
        case="network",
        architecture=architecture,
        reason=why,
    )


def _class(name: str, auto_map: dict[str, Any]) -> Any:
    """
    Raises:
        ValueError: there is no class of this name.
    """
    for place in auto_map.values():
        module, _, found = str(place).rpartition(".")
        if found == name and module in _OWN_MODULES:
            return getattr(importlib.import_module(f"core.networks.{module}"), name)
    found_class = getattr(transformers, name, None)
    if found_class is None:
        raise ValueError(f"transformers has no class {name}")
    return found_class


def _read(kind: Any, checkpoint: Path, **options: Any) -> tuple[Any, dict[str, Any]]:
    # Attention written as matrix products is supported by every version of ONNX.
    model, report = kind.from_pretrained(
        checkpoint,
        dtype=torch.float32,
        attn_implementation="eager",
        local_files_only=True,
        use_safetensors=True,
        output_loading_info=True,
        **options,
    )
    return model, report
