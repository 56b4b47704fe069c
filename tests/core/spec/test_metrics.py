"""Which metrics compare checkpoints, and their directions."""

from typing import Any, get_args

import pytest

from core.evaluation.label_classifier import NAME
from core.spec.job import JobSpec
from core.spec.metrics import higher_is_better
from core.spec.problems import SpecError, validate
from core.spec.task import TaskSpec
from core.spec.tasks import task_specs

TASKS: tuple[type[TaskSpec], ...] = task_specs()


def _document(kind: str = "masked_lm", **training: Any) -> dict[str, Any]:
    return {"name": "one", "task": {"kind": kind}, "training": {"steps": 10, **training}}


def _kinds() -> list[str]:
    return [
        task.model_fields["kind"].default or get_args(task.model_fields["kind"].annotation)[0]
        for task in TASKS
    ]


@pytest.mark.parametrize("kind", _kinds())
def test_the_direction_of_a_metric_is_the_same_for_every_caller(kind: str) -> None:
    job = validate(_document(kind, ema_decay=None if kind == "gan" else 0.99))
    assert {name: higher_is_better(name) for name in job.judging_metrics} == {
        name: way == "higher" for name, way in job.judging_metrics.items()
    }


@pytest.mark.parametrize("kind", _kinds())
def test_every_metric_with_a_direction_may_be_named(kind: str) -> None:
    for name in validate(_document(kind)).judging_metrics:
        assert isinstance(validate(_document(kind, retention={"keep_best": name})), JobSpec)


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("masked_lm", "eval/los", "Did you mean 'eval/loss'"),
        ("masked_lm", "loss", "eval/loss"),
        ("masked_lm", "eval/unigram_entropy", "which checkpoint is better"),  # the same for every checkpoint
        ("masked_lm", "eval/ema_loss", "eval/loss"),  # there is no average
        ("causal_lm", "eval/masked_accuracy", "eval/perplexity"),
        ("contrastive", "train/samples_per_s", "eval/contrastive_accuracy"),
        ("gan", "eval/discriminator_accuracy", "eval/frechet_distance_label_cnn"),
    ],
)
def test_a_metric_that_is_not_measured_or_has_no_direction_is_refused(
    kind: str, name: str, said: str
) -> None:
    with pytest.raises(SpecError) as caught:
        validate(_document(kind, retention={"keep_best": name}))
    (problem,) = caught.value.problems
    assert problem.param == "training.retention.keep_best"
    assert said in problem.message


def test_the_frechet_distance_is_named_after_its_features() -> None:
    assert f"eval/frechet_distance_{NAME}" in validate(_document("gan")).judging_metrics
