"""The check of an uploaded checkpoint's files against each other, on reports without files."""

import math
from typing import Any

import pytest

from core.formats import FormatError
from core.formats.published.checking import FAMILIES, check_checkpoint
from core.formats.published.family import Settings

T5 = {
    "model_type": "t5",
    "vocab_size": 200,
    "d_model": 16,
    "d_kv": 4,
    "d_ff": 24,
    "num_layers": 1,
    "num_heads": 2,
}


def reports(config: dict[str, Any], **tokenizer: int) -> dict[str, Any]:
    """Those of a model with exactly the tensors of its encoder."""
    family = FAMILIES[config["model_type"]]
    shapes = dict(family.shapes(Settings(family.defaults | config)))
    assert all(math.prod(shape) for shape in shapes.values())
    return {
        "config.json": {"document": config},
        "model.safetensors": {"tensors": {name: ["F32", *shape] for name, shape in shapes.items()}},
        "tokenizer.json": tokenizer,
    }


@pytest.mark.parametrize(("largest", "sentinels"), [(199, 100), (99, 0), (149, 50)])
def test_a_t5_has_its_sentinels_or_room_for_them(largest: int, sentinels: int) -> None:
    found = check_checkpoint(reports(T5, largest_id=largest, sentinels=sentinels))
    assert found.document["task"] == {"kind": "text_denoising_autoencoder"}


@pytest.mark.parametrize(("largest", "sentinels"), [(199, 99), (100, 0), (199, 0)])
def test_a_t5_without_room_for_its_sentinels_is_refused(largest: int, sentinels: int) -> None:
    with pytest.raises(FormatError, match="extra_id_0"):
        check_checkpoint(reports(T5, largest_id=largest, sentinels=sentinels))
