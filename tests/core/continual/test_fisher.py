"""Fisher information and penalty of EWC, and the loss of LwF, against slow references and numbers computed by hand."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.continual.classes import InCommon
from core.continual.earlier import Stage
from core.continual.ewc import ElasticWeightConsolidation
from core.continual.fisher import fisher_information, root_of
from core.continual.lwf import OldOutputs
from core.objectives.base import Batch, Losses, Phase
from core.objectives.soft_targets import divergence
from core.spec.continual import ElasticWeights, LearningWithoutForgetting
from core.spec.problems import validate
from core.training.devices import Place
from tests.core.continual.stages import ancestor, document_of

CPU = Place(torch.device("cpu"), "cpu", "fp32")
INPUTS = torch.tensor([[1.0, -2.0], [0.5, 0.25], [3.0, 1.0], [-1.0, 0.0]])
LABELS = torch.tensor([0, 2, 1, 1])


class Rows:
    """The rows of `INPUTS` as training samples."""

    labels = None

    def __len__(self) -> int:
        return len(INPUTS)

    def rows(self, indices: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return INPUTS[torch.from_numpy(indices)].numpy()


class Softmax(nn.Module):
    """Logistic regression with three classes, as an objective."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.head = nn.Linear(2, classes)
        self.unused = nn.Parameter(torch.ones(1))
        generator = torch.Generator().manual_seed(1)
        self.head.weight.data = torch.randn(classes, 2, generator=generator)
        self.head.bias.data = torch.randn(classes, generator=generator)

    def samples(self, _: str) -> Rows:
        return Rows()

    def collate(self, rows: Any, samples: Any, _: int) -> Batch:
        labels = LABELS[torch.from_numpy(samples)]
        return Batch(
            {"x": torch.from_numpy(rows), "labels": labels}, count=len(rows), samples=len(rows), tokens=0
        )

    def logits(self, batch: Batch) -> Tensor:
        scores: Tensor = self.head(batch.tensors["x"])
        return scores

    def weighed(self, _: Batch) -> None:
        return None

    def phases(self) -> tuple[Phase, ...]:
        return (Phase(self._loss, ("main",)),)

    def _loss(self, batch: Batch) -> Losses:
        loss = nn.functional.cross_entropy(self.logits(batch), batch.tensors["labels"], reduction="sum")
        return Losses(loss, {})


def probabilities(model: Softmax) -> Tensor:
    return model.head(INPUTS).detach().softmax(dim=1)


def exact(model: Softmax) -> dict[str, Tensor]:
    """The Fisher information, class by class: of logistic regression d log p_c / d w_k = (1[c = k] - p_k) x."""
    p = probabilities(model)
    weight, bias = torch.zeros(3, 2), torch.zeros(3)
    for x, shares in zip(INPUTS, p, strict=True):
        for drawn in range(3):
            for k in range(3):
                slope = float(drawn == k) - shares[k]
                weight[k] += shares[drawn] * (slope * x) ** 2 / len(INPUTS)
                bias[k] += shares[drawn] * slope**2 / len(INPUTS)
    return {"head.weight": weight, "head.bias": bias}


def sign_patterns(count: int) -> Iterator[Tensor]:
    return (torch.tensor([pattern]) for pattern in itertools.product([-1.0, 1.0], repeat=count))


def test_the_vectors_at_the_logits_have_the_information_of_a_softmax() -> None:
    p = torch.tensor([[0.7, 0.2, 0.1, 0.0]])
    vectors = [root_of(p, signs)[0] for signs in sign_patterns(4)]
    mean = torch.stack([torch.outer(v, v) for v in vectors]).mean(dim=0)
    assert torch.allclose(mean, p[0].diag() - torch.outer(p[0], p[0]), atol=1e-6)


@pytest.mark.parametrize("at_once", [1, 3])
def test_the_information_of_classes_is_the_expectation_over_what_the_network_predicts(at_once: int) -> None:
    model = Softmax()
    found = [
        fisher_information(model, samples=4, seed=seed, place=CPU, gives_logits=True, at_once=at_once)  # type: ignore[arg-type]
        for seed in range(400)
    ]
    for name, expected in exact(model).items():
        each = torch.stack([one[name] for one in found])
        deviation = each.std(dim=0) / math.sqrt(len(each))
        assert ((each.mean(dim=0) - expected).abs() < 5 * deviation + 1e-6).all(), name
    assert not found[0]["unused"].any()  # the outputs do not depend on it


def test_the_information_of_two_classes_by_hand() -> None:
    # p = 0.8 and 0.2 for every input, so that the information of a bias is p (1 - p) = 0.16.
    model = Softmax(2)
    model.head.weight.data.zero_()
    model.head.bias.data = torch.tensor([math.log(4.0), 0.0])
    each = [
        fisher_information(model, samples=1, seed=seed, place=CPU, gives_logits=True)["head.bias"]  # type: ignore[arg-type]
        for seed in range(200)
    ]
    # With equal and with opposite signs it is 0.16 (1 - 0.8) and 0.16 (1 + 0.8).
    assert {round(value, 4) for one in each for value in one.tolist()} == {0.032, 0.288}
    assert torch.stack(each).mean().item() == pytest.approx(0.16, abs=0.04)


def test_the_information_of_other_tasks_is_the_mean_of_squared_gradients_of_single_samples() -> None:
    model = Softmax()
    weight = torch.zeros(3, 2)
    for x, label, shares in zip(INPUTS, LABELS, probabilities(model), strict=True):
        for k in range(3):
            weight[k] += ((shares[k] - float(label == k)) * x) ** 2 / len(INPUTS)
    found = fisher_information(model, samples=100, seed=0, place=CPU, gives_logits=False)  # type: ignore[arg-type]
    assert torch.allclose(found["head.weight"], weight, atol=1e-6)
    assert model.head.weight.grad is None


def penalised(**settings: Any) -> tuple[Softmax, ElasticWeightConsolidation]:
    model = Softmax()
    hook = ElasticWeightConsolidation(
        ElasticWeights(**settings),
        None,  # type: ignore[arg-type]
        InCommon(None),  # type: ignore[arg-type]
        model,  # type: ignore[arg-type]
        CPU,
        lambda *_: None,
    )
    return model, hook


def test_the_penalty_by_hand() -> None:
    model, hook = penalised(strength=10.0)
    hook.begin({"next.head.weight": torch.full((3, 2), 0.5), "next.head.bias": torch.tensor([1.0, 0.0, 4.0])})
    assert hook.penalty()["ewc_penalty"].item() == 0.0
    with torch.no_grad():
        model.head.weight[1, 0] += 2.0
        model.head.bias += torch.tensor([1.0, 9.0, -0.5])
    # 10 / 2 x (0.5 x 2^2 + 1 x 1^2 + 0 x 9^2 + 4 x 0.5^2)
    value = hook.penalty()["ewc_penalty"]
    assert value.item() == pytest.approx(5 * (2.0 + 1.0 + 0.0 + 1.0))
    value.backward()  # type: ignore[no-untyped-call]
    assert model.head.bias.grad is not None
    assert model.head.bias.grad.tolist() == pytest.approx([10.0, 0.0, -20.0])  # lambda x F x distance


def test_further_outputs_and_parameters_that_are_not_trained_have_no_penalty() -> None:
    model, hook = penalised(strength=2.0)
    hook.begin(
        {"next.head.weight": torch.ones(2, 2), "next.head.bias": torch.ones(2), "next.gone": torch.ones(3)}
    )
    model.head.bias.requires_grad_(requires_grad=False)
    with torch.no_grad():
        model.head.weight += torch.tensor([[1.0, 0.0], [0.0, 0.0], [7.0, 7.0]])
        model.head.bias += 3.0
    assert hook.penalty()["ewc_penalty"].item() == pytest.approx(1.0)


def test_what_a_checkpoint_keeps_gives_the_same_penalty() -> None:
    model, hook = penalised()
    hook.begin({"next.head.weight": torch.rand(3, 2)})
    with torch.no_grad():
        model.head.weight += 0.1
    _, other = penalised()
    other.restore(hook.tensors())
    other._objective = model  # type: ignore[assignment]
    assert torch.equal(other.penalty()["ewc_penalty"], hook.penalty()["ewc_penalty"])


def test_the_online_form_decays_what_was_before() -> None:
    _, hook = penalised(decay=0.25)
    found = hook._with_decay(
        {"a": torch.tensor([4.0, 8.0]), "gone": torch.tensor([4.0])}, {"a": torch.tensor([1.0, 1.0, 5.0])}
    )
    assert {name: one.tolist() for name, one in found.items()} == {"a": [2.0, 3.0, 5.0], "gone": [1.0]}


@pytest.mark.parametrize("data", [("old", "new"), ("old",), ()])
def test_a_checkpoint_from_before_the_end_of_its_stage_lacks_the_information_of_that_stage_alone(
    data: tuple[str, ...],
) -> None:
    """Of which the data may have been deleted: then nothing is added."""
    spec = document_of(
        "masked_lm",
        continual={
            "ewc": {"decay": 0.5},
            "ancestors": [ancestor(job, "masked_lm") for job in ("old", "new")],
        },
    )
    job = validate(spec)
    assert job.continual is not None
    assert job.continual.ewc is not None
    stages = [Stage(one, job, None) for one in job.continual.ancestors if one.job in data]  # type: ignore[arg-type]
    asked = []

    class Of(ElasticWeightConsolidation):
        def _of_stages(self, stages: Sequence[Stage]) -> dict[str, Tensor]:
            asked.extend(stage.ancestor.job for stage in stages)
            return {"head.bias": torch.ones(3)} if stages else {}

    hook = Of(job.continual.ewc, job, InCommon(None, stages), Softmax(), CPU, lambda *_: None)  # type: ignore[arg-type]
    hook.begin({"fisher.head.bias": torch.full((3,), 4.0)})
    assert asked == (["new"] if "new" in data else [])
    assert hook.tensors()["fisher.head.bias"].tolist() == [3.0 if "new" in data else 2.0] * 3


def test_the_divergence_by_hand() -> None:
    new = torch.tensor([[0.0, math.log(9.0)]])
    old = torch.tensor([[0.0, 0.0]])
    # At temperature 2: p = (1/2, 1/2) and q = (1/4, 3/4); 4 x (1/2 log 2 + 1/2 log 2/3)
    found = divergence(new, old, 2.0)
    assert found.tolist() == pytest.approx([4 * (0.5 * math.log(2.0) + 0.5 * math.log(2 / 3))])
    assert divergence(new, new, 3.0).tolist() == pytest.approx([0.0], abs=1e-7)


def test_old_outputs_are_compared_in_groups_and_only_where_a_row_counts() -> None:
    generator = torch.Generator().manual_seed(3)
    new, old = (torch.randn(3, 5, generator=generator) for _ in range(2))

    class Network(Softmax):
        def weighed(self, _: Batch) -> Any:
            return torch.tensor([True, False, True])

        def logits(self, _: Batch) -> Tensor:
            return old

    hook = OldOutputs(
        LearningWithoutForgetting(strength=0.5, temperature=2.0),
        None,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
        Network(),  # type: ignore[arg-type]
        CPU,
    )
    hook._old = Network()  # type: ignore[assignment]
    hook._groups = [torch.tensor([0, 1]), torch.tensor([3, 2])]
    expected = 0.0
    for row in (0, 2):
        for group in ([0, 1], [2, 3]):
            p, q = (torch.softmax(one[row][group] / 2, dim=0) for one in (old, new))
            expected += 4 * (p * (p.log() - q.log())).sum().item()
    batch = Batch({}, count=3, samples=3, tokens=3)
    losses = hook.losses(batch, Losses(torch.tensor(7.0), {"accuracy": torch.tensor(1)}), new)
    assert losses.named["lwf_loss"].item() == pytest.approx(expected, rel=1e-5)
    assert losses.total.item() == pytest.approx(7.0 + 0.5 * expected, rel=1e-5)
    assert set(losses.named) == {"accuracy", "lwf_loss"}
