"""The losses of distillation against slow references and against numbers computed by hand."""

import math

import pytest
import torch
from torch import Tensor, nn

from core.distillation.losses import cosine_loss, feature_targets, logits_loss, relation_loss, squared_loss
from core.distillation.matching import Regression, attention_names, blocks_beside
from core.spec.architectures import PRESETS
from core.teachers.observed import Observed


def test_the_loss_of_logits_is_the_divergence_at_the_temperature_times_its_square() -> None:
    # Teacher: odds 3 to 1 at temperature 2; student: even odds. KL = 3/4 ln(3/2) + 1/4 ln(1/2).
    teacher = torch.tensor([[2 * math.log(3), 0.0]])
    student = torch.zeros(1, 2, requires_grad=True)
    loss = logits_loss(student, teacher, 2.0, None)
    assert loss.item() == pytest.approx(4 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5)))
    loss.backward()
    assert student.grad is not None
    # T (q - p): by the square the gradient is of the size of that at temperature 1.
    assert student.grad.tolist()[0] == pytest.approx([2 * (0.5 - 0.75), 2 * (0.5 - 0.25)])


def test_rows_that_are_no_terms_of_the_loss_do_not_count() -> None:
    student, teacher = torch.randn(3, 5), torch.randn(3, 5)
    weighed = torch.tensor([True, False, True])
    alone = sum(logits_loss(student[[row]], teacher[[row]], 3.0, None) for row in (0, 2))
    torch.testing.assert_close(logits_loss(student, teacher, 3.0, weighed), alone)


def test_equal_outputs_cost_nothing() -> None:
    outputs = torch.randn(2, 4, 6)
    assert logits_loss(outputs[0], outputs[0], 2.0, None).item() == pytest.approx(0, abs=1e-6)
    assert cosine_loss(outputs, 3 * outputs, None).item() == pytest.approx(0, abs=1e-6)
    assert squared_loss(outputs, outputs, None).item() == 0
    assert relation_loss(outputs, outputs, 2, None, causal=False).item() == pytest.approx(0, abs=1e-6)


def test_hidden_states_are_compared_at_real_tokens() -> None:
    student = torch.tensor([[[1.0, 0.0], [5.0, 5.0]]])
    teacher = torch.tensor([[[1.0, 1.0], [0.0, 1.0]]])
    real = torch.tensor([[True, False]])
    assert cosine_loss(student, teacher, real).item() == pytest.approx(1 - math.sqrt(0.5))
    assert squared_loss(student, teacher, real).item() == pytest.approx(0.5)
    assert squared_loss(student, teacher, None).item() == pytest.approx((0.5 + (25 + 16) / 2) / 2)


def slow_relations(vectors: Tensor, heads: int, real: list[int], *, causal: bool) -> list[list[list[float]]]:
    """Relations of one sample's real tokens by loops: head, token, token."""
    width = vectors.shape[1] // heads
    found = []
    for head in range(heads):
        part = vectors[:, head * width : (head + 1) * width]
        rows = []
        for one in real:
            seen = [other for other in real if not causal or other <= one]
            scores = [float(part[one] @ part[other]) / math.sqrt(width) for other in seen]
            total = sum(map(math.exp, scores))
            rows.append([math.exp(score) / total for score in scores])
        found.append(rows)
    return found


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("real", [[0, 1, 2, 3], [0, 1]])
def test_relations_of_networks_of_two_widths_are_those_of_loops(real: list[int], *, causal: bool) -> None:
    student, teacher, heads = torch.randn(1, 4, 6), torch.randn(1, 4, 10), 2
    mask = torch.tensor([[token in real for token in range(4)]])
    own = slow_relations(student[0], heads, real, causal=causal)
    theirs = slow_relations(teacher[0], heads, real, causal=causal)
    each = [
        sum(p * math.log(p / q) for p, q in zip(theirs[head][row], own[head][row], strict=True))
        for head in range(heads)
        for row in range(len(real))
    ]
    given = None if len(real) == 4 else mask
    loss = relation_loss(student, teacher, heads, given, causal=causal)
    assert loss.item() == pytest.approx(sum(each) / len(each), abs=1e-6)


def test_a_map_regresses_features_and_goes_on_where_it_was() -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(8, 3, 4), torch.randn(8, 3, 6)
    assert feature_targets(teacher).mean(dim=2).abs().max() < 1e-6
    straight, broken = (Regression(4, 6, 0.01, seed=5) for _ in range(2))
    for step in range(4):
        straight.loss(student, teacher, (None, None)).backward()  # type: ignore[no-untyped-call]
        straight.step()
        if step < 2:
            broken.loss(student, teacher, (None, None)).backward()  # type: ignore[no-untyped-call]
            broken.step()
    kept = {name: tensor.clone() for name, tensor in broken.tensors().items()}
    resumed = Regression(4, 6, 0.01, seed=99)
    resumed.take_over(kept)
    for _ in range(2):
        resumed.loss(student, teacher, (None, None)).backward()  # type: ignore[no-untyped-call]
        resumed.step()
    assert torch.equal(resumed.map.weight, straight.map.weight)
    # Of other numbers of tokens the means are compared.
    means = straight.loss(student.mean(dim=1, keepdim=True), teacher.mean(dim=1, keepdim=True), (None, None))
    cut = straight.loss(torch.cat([student, student], dim=1), teacher, (None, None))
    torch.testing.assert_close(cut, means)


def test_blocks_are_matched_by_their_share_of_depth() -> None:
    assert blocks_beside(2, 4) == [1, 3]
    assert blocks_beside(6, 12) == [1, 3, 5, 7, 9, 11]
    assert blocks_beside(3, 3) == [0, 1, 2]
    assert blocks_beside(4, 2) == [0, 0, 1, 1]


@pytest.mark.parametrize(
    "preset", ["bert-tiny", "llama-tiny", "vit-micro", "t5-tiny", "wav2vec2-tiny", "ast-tiny"]
)
def test_queries_keys_and_values_are_told_apart(preset: str) -> None:
    names = [name.rpartition(".")[2][0] for name in attention_names(PRESETS[preset])]
    assert names == ["q", "k", "v"]


@pytest.mark.parametrize("preset", ["gpt2-tiny", "modernbert-mini"])
def test_one_map_to_all_three_is_cut(preset: str) -> None:
    assert len(attention_names(PRESETS[preset])) == 1


def test_outputs_are_recorded_in_training_alone() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3))
    observed = Observed({"last": network[1]}, network)
    network(torch.randn(1, 2))
    network[1].eval()  # as a block that is not trained
    network(torch.randn(1, 2))
    with torch.no_grad():
        network(torch.randn(1, 2))
    assert len(observed.take()["last"]) == 2
    network.eval()
    network(torch.randn(1, 2))  # as for Fisher information
    assert not observed.take()["last"]
