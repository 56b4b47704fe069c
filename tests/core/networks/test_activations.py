"""The fused GELU, compared with the one of `transformers`."""

import pytest
import torch
from torch import nn
from transformers import GPT2Config, T5Config
from transformers.activations import NewGELUActivation
from transformers.models.gpt2.modeling_gpt2 import GPT2LMHeadModel
from transformers.models.t5.modeling_t5 import T5ForConditionalGeneration

from core.networks.activations import use_fused_gelu


def of_type(model: nn.Module, kind: type[nn.Module]) -> int:
    return sum(type(module) is kind for module in model.modules())


@pytest.mark.parametrize("network", ["gpt2", "t5"])
def test_scores_and_gradients_agree_with_the_written_out_one(network: str) -> None:
    torch.manual_seed(0)
    ids = torch.randint(0, 50, (2, 9))
    if network == "gpt2":
        model: nn.Module = GPT2LMHeadModel(
            GPT2Config(vocab_size=50, n_embd=16, n_layer=2, n_head=2, n_positions=16)
        )
        inputs = {"input_ids": ids}
    else:
        config = T5Config(
            vocab_size=50,
            d_model=16,
            d_kv=8,
            d_ff=32,
            num_layers=2,
            num_heads=2,
            feed_forward_proj="gated-gelu",
        )
        model = T5ForConditionalGeneration(config)
        inputs = {"input_ids": ids, "decoder_input_ids": ids}
    model.eval()
    results = []
    for fused in (False, True):
        if fused:
            replaced = of_type(model, NewGELUActivation)
            use_fused_gelu(model)  # type: ignore[arg-type]
            assert replaced == of_type(model, nn.GELU) > 0 == of_type(model, NewGELUActivation)
        model.zero_grad()
        scores = model(**inputs).logits
        scores.square().sum().backward()
        results.append([scores.detach(), *(p.grad for p in model.parameters() if p.grad is not None)])
    for written_out, fused_one in zip(*results, strict=True):
        torch.testing.assert_close(fused_one, written_out, rtol=1e-4, atol=1e-5)
