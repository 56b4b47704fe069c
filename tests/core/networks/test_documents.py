"""Documents packed in one row give the same results as each document alone with padding."""

from typing import Any

import numpy as np
import pytest
import torch

from core.data.text import SpecialIds
from core.networks import causal_language, masked_language
from core.networks.documents import attention_mask, document_numbers, restarted_positions
from core.spec.architectures.transformer import TransformerSize

SIZE = TransformerSize(layers=4, hidden_size=16, heads=2, intermediate_size=32)
SPECIAL = SpecialIds(pad=0, unk=1, cls=2, sep=3, mask=4, all=(0, 1, 2, 3, 4))
LENGTHS = ((90, 7, 23), (1, 50, 69))
"""Lengths of the documents in two rows; one is longer than ModernBERT's window."""


def packed_rows(*, separator_begins: bool) -> Any:
    draws = np.random.default_rng(0)
    rows = []
    for lengths in LENGTHS:
        documents = [draws.integers(5, 50, length) for length in lengths]
        for document in documents:
            document[0 if separator_begins else -1] = SPECIAL.sep
        rows.append(np.concatenate(documents))
    return np.stack(rows)


def test_documents_are_numbered_and_positions_restart() -> None:
    row = np.array([[7, 3, 8, 9, 3, 3, 5]])
    assert document_numbers(row, 3, separator_begins=False).tolist() == [[0, 0, 1, 1, 1, 2, 3]]
    assert document_numbers(row, 3, separator_begins=True).tolist() == [[0, 1, 1, 1, 2, 3, 3]]
    for numbers in ([0, 0, 1, 1, 1, 2, 3], [0, 1, 1, 1, 2, 3, 3]):
        slow = [numbers[: i + 1].count(n) - 1 for i, n in enumerate(numbers)]
        assert restarted_positions(np.array([numbers])).tolist() == [slow]


@pytest.mark.parametrize("causal", [True, False])
def test_a_token_attends_only_to_its_own_document(*, causal: bool) -> None:
    numbers = torch.tensor([[0, 0, 1, 1, 1, 2], [0, 0, 0, 0, 0, 0]])
    mask = attention_mask(numbers, causal=causal)
    for row in range(2):
        for query in range(6):
            for key in range(6):
                expected = numbers[row, query] == numbers[row, key] and (key <= query or not causal)
                assert mask[row, 0, query, key] == expected


@pytest.mark.parametrize("architecture", ["bert", "modernbert", "gpt2", "llama"])
@torch.no_grad()
def test_packed_equals_padded_for_each_document(architecture: Any) -> None:
    sizes: dict[str, Any] = {"dropout": 0.1, "vocabulary_size": 50, "sequence_length": 120, "seed": 0}
    causal = architecture in {"gpt2", "llama"}
    network: Any
    if causal:
        encode: Any = causal_language.encode
        network = causal_language.create_causal_network(architecture, SIZE, **sizes, end_id=3)
    else:
        encode = masked_language.encode
        network = masked_language.create_masked_network(architecture, SIZE, **sizes, special=SPECIAL)
    network.eval()
    rows = packed_rows(separator_begins=causal)
    numbers = document_numbers(rows, SPECIAL.sep, separator_begins=causal)
    mask = attention_mask(torch.from_numpy(numbers), causal=causal)
    inputs, positions = torch.from_numpy(rows), torch.from_numpy(restarted_positions(numbers))
    packed = encode(network, inputs, positions, mask)

    # The reference: transformers' own attention and masks, one document in each row, padded.
    network.set_attn_implementation("eager")
    for row, lengths in enumerate(LENGTHS):
        starts = np.cumsum((0, *lengths))[:-1]
        padded = torch.zeros(3, 100, dtype=torch.long)
        real = torch.zeros(3, 100, dtype=torch.long)
        for number, (start, length) in enumerate(zip(starts, lengths, strict=True)):
            padded[number, :length] = inputs[row, start : start + length]
            real[number, :length] = 1
        body = (causal_language if causal else masked_language).body(network)
        alone = body(input_ids=padded, attention_mask=real).last_hidden_state
        for number, (start, length) in enumerate(zip(starts, lengths, strict=True)):
            torch.testing.assert_close(packed[row, start : start + length], alone[number, :length])

    whole = encode(network, inputs) if causal else None
    if whole is not None:
        assert not torch.allclose(whole[0, 95:], packed[0, 95:]), "without the mask documents must mix"
