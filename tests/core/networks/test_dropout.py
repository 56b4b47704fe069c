"""Our dropout, compared with PyTorch's."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from core.networks.bert import bert_config, create_bert
from core.networks.dropout import CheapDropout, attention, dropout, keep_mask
from core.spec.architectures.transformer import TransformerSize


def module_that_is(*, causal: bool) -> nn.Module:
    module = nn.Identity()
    module.is_causal = causal  # type: ignore[assignment]
    return module


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_a_mask_drops_its_share_and_keeps_the_mean(probability: float) -> None:
    torch.manual_seed(0)
    mask = keep_mask(torch.Size((1000, 999)), torch.float32, probability)
    assert (mask == 0).float().mean().item() == pytest.approx(probability, abs=0.002)
    assert mask.mean().item() == pytest.approx(1.0, rel=0.01)
    assert mask.unique().numel() == 2
    dropped = (mask == 0).float() - probability
    for neighbour in (dropped.roll(1, dims=1), dropped.roll(1, dims=0), dropped.roll(4, dims=1)):
        assert (dropped * neighbour).mean().item() == pytest.approx(0, abs=0.002)


def test_masks_are_determined_by_the_seed_of_torch() -> None:
    shape = torch.Size((3, 50))
    torch.manual_seed(1)
    first, second = (keep_mask(shape, torch.float32, 0.5) for _ in range(2))
    assert not torch.equal(first, second)
    torch.manual_seed(1)
    assert torch.equal(keep_mask(shape, torch.float32, 0.5), first)


def test_gradients_flow_only_where_values_are_kept() -> None:
    x = torch.ones(200, requires_grad=True)
    out = dropout(x, 0.25)
    out.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, out.detach())
    assert out.unique().tolist() == pytest.approx([0.0, 4 / 3])


def test_nothing_is_dropped_in_evaluation_or_at_probability_zero() -> None:
    x = torch.ones(100)
    assert torch.equal(CheapDropout(0.5).eval()(x), x)
    assert torch.equal(CheapDropout(0.0)(x), x)
    assert (CheapDropout(0.5)(x) == 0).any()


def test_attention_agrees_with_pytorchs() -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 3, 7, 4) for _ in range(3))
    some = torch.rand(2, 1, 7, 7) < 0.5
    some |= torch.eye(7, dtype=torch.bool)
    bias = torch.randn(1, 3, 7, 7)
    for causal, mask, added in (
        (False, None, None),
        (True, None, None),
        (True, some, None),
        (False, some, bias),
        (True, None, bias),
    ):
        scores = query @ key.transpose(-1, -2) * 0.3 + (0 if added is None else added)
        seen = torch.ones(7, 7).tril().bool() if causal else torch.ones(7, 7).bool()
        scores = scores.masked_fill(~(seen if mask is None else mask), -torch.inf)
        reference = (scores.softmax(dim=-1) @ value).transpose(1, 2)
        # The probability is so small that the path with dropout is taken and nothing is dropped.
        for probability in (0.0, 1e-9):
            mixed, _ = attention(
                module_that_is(causal=causal),
                query,
                key,
                value,
                mask,
                scaling=0.3,
                dropout=probability,
                position_bias=added,
            )
            torch.testing.assert_close(mixed, reference)


def test_a_single_query_attends_to_all_earlier_keys() -> None:
    query, key, value = torch.randn(1, 2, 1, 4), torch.randn(1, 2, 5, 4), torch.randn(1, 2, 5, 4)
    mixed, _ = attention(module_that_is(causal=True), query, key, value, None, scaling=0.5)
    reference = functional.scaled_dot_product_attention(query, key, value, scale=0.5)
    torch.testing.assert_close(mixed, reference.transpose(1, 2))


def test_attention_drops_shares_of_the_values() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(2, 3, 7, 4), torch.randn(2, 3, 7, 4)
    value = torch.eye(7).expand(2, 3, 7, 7)  # so that the result is the attention weights
    shares = torch.softmax(query @ key.transpose(-1, -2) * 0.5, dim=-1)
    torch.manual_seed(5)
    expected = shares * keep_mask(shares.shape, shares.dtype, 0.4)
    torch.manual_seed(5)
    module = module_that_is(causal=False)
    mixed, _ = attention(module, query, key, value, None, scaling=0.5, dropout=0.4)
    torch.testing.assert_close(mixed, expected.transpose(1, 2))


def test_every_dropout_of_a_network_is_replaced_and_evaluation_is_unchanged() -> None:
    size = TransformerSize(layers=2, hidden_size=16, heads=2, intermediate_size=64)
    config = bert_config(size, dropout=0.2, vocabulary_size=50, sequence_length=12, padding_id=0)
    model = create_bert(config, seed=0)
    kinds = {type(module) for module in model.modules() if isinstance(module, nn.Dropout)}
    assert kinds == {CheapDropout}
    ids = torch.randint(0, 50, (3, 12))
    ours = model.eval()(ids).logits
    model.set_attn_implementation("eager")
    torch.testing.assert_close(model(ids).logits, ours)


@pytest.mark.parametrize("causal", [True, False])
def test_written_out_attention_in_bf16_agrees_with_the_fused_one_in_fp32(causal: bool) -> None:  # noqa: FBT001
    torch.manual_seed(0)
    exact = [torch.randn(2, 3, 16, 8, requires_grad=True) for _ in range(3)]
    rounded = [tensor.detach().bfloat16().requires_grad_() for tensor in exact]
    reference = functional.scaled_dot_product_attention(*exact, scale=0.3, is_causal=causal)
    module = module_that_is(causal=causal)
    mixed, _ = attention(module, *rounded, None, scaling=0.3)
    torch.testing.assert_close(mixed.transpose(1, 2).float(), reference, rtol=0.05, atol=0.03)
    mixed.float().square().sum().backward()
    reference.square().sum().backward()
    assert "Softmax" in _history(mixed), "the fused kernel's gradient is slow"
    for one, other in zip(rounded, exact, strict=True):
        assert one.grad is not None
        assert other.grad is not None
        error = (one.grad.float() - other.grad).norm() / other.grad.norm()
        assert error < 0.03


def _history(tensor: torch.Tensor) -> str:
    """Names of the operations that produced the tensor."""
    names, nodes = [], [tensor.grad_fn]
    while nodes:
        node = nodes.pop()
        if node is not None:
            names.append(node.name())
            nodes += [parent for parent, _ in node.next_functions]
    return " ".join(names)
