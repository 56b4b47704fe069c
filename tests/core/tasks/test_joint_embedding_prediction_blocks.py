"""The block of a parameter, read off the names that `transformers` gives."""

import pytest

from tests.core.training.networks import Network


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("model.bert.encoder.layer.11.attention.self.query.weight", 11),
        ("model.transformer.h.3.mlp.c_fc.weight", 3),
        ("model.model.layers.0.mlp.down_proj.weight", 0),
        ("model.encoder.block.5.layer.0.SelfAttention.q.weight", 5),
        ("model.bert.embeddings.word_embeddings.weight", None),
        ("model.cls.predictions.transform.dense.weight", None),
        ("model.lm_head.weight", None),
    ],
)
def test_block_of(name: str, block: int | None) -> None:
    assert Network().block_of(name) == block
