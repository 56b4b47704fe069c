"""Which checkpoints retention drops, and which one a run resumes from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.checkpoints.retention import best_step, expired, first_whole, newest_first
from core.spec.metrics import higher_is_better
from core.spec.training import CheckpointRetention


@dataclass(frozen=True)
class Fake:
    id: str
    step: int
    attempt: int = 1
    metrics: Mapping[str, float | None] = field(default_factory=dict)


def _steps(*steps: int) -> list[Fake]:
    return [Fake(f"c{step}", step) for step in steps]


def _best(found: list[Fake], metric: str) -> Fake | None:
    by_step = {checkpoint.step: checkpoint for checkpoint in found}
    step = best_step({step: checkpoint.metrics for step, checkpoint in by_step.items()}, metric)
    return None if step is None else by_step[step]


def _gone(found: list[Fake], rule: CheckpointRetention, needed: set[str] | None = None) -> list[int]:
    kept = [checkpoint for checkpoint in found if checkpoint.id in (needed or set())]
    return [checkpoint.step for checkpoint in expired(found, rule, kept)]


def test_the_newest_are_kept() -> None:
    assert _gone(_steps(30, 10, 40, 20), CheckpointRetention(keep_last=2)) == [10, 20]


def test_multiples_of_a_step_are_kept_in_addition() -> None:
    found = _steps(*range(10, 101, 10))
    assert _gone(found, CheckpointRetention(keep_last=1, keep_every=40)) == [10, 20, 30, 50, 60, 70, 90]


def test_the_best_is_kept_in_addition() -> None:
    losses = {10: 3.0, 20: 1.0, 30: 2.0, 40: 2.5}
    found = [Fake(str(s), s, metrics={"eval/loss": v, "eval/masked_accuracy": v}) for s, v in losses.items()]
    assert _gone(found, CheckpointRetention(keep_last=1, keep_best="eval/loss")) == [10, 30]
    assert _gone(found, CheckpointRetention(keep_last=1, keep_best="eval/masked_accuracy")) == [20, 30]


def test_a_representation_of_higher_rank_is_the_better_one() -> None:
    found = [
        Fake(str(step), step, metrics={"health/rankme": rank})
        for step, rank in {10: 30.0, 20: 40.0, 30: 3.0}.items()
    ]
    assert _gone(found, CheckpointRetention(keep_last=1, keep_best="health/rankme")) == [10]


def test_a_checkpoint_without_the_metric_is_never_the_best() -> None:
    found = [
        Fake("a", 10, metrics={"eval/loss": math.nan}),
        Fake("b", 20, metrics={"eval/loss": None}),
        Fake("c", 30, metrics={"eval/loss": 9.0}),
        Fake("d", 40),
    ]
    assert _best(found, "eval/loss") is found[2]
    assert _best(found, "unknown") is None
    assert _gone(found, CheckpointRetention(keep_last=1, keep_best="eval/loss")) == [10, 20]


def test_what_a_fork_starts_from_is_kept() -> None:
    assert _gone(_steps(10, 20, 30), CheckpointRetention(keep_last=1), {"c10"}) == [20]


def test_of_two_at_a_step_the_newer_attempt_counts() -> None:
    found = [Fake("old", 20, 1), Fake("new", 20, 2), Fake("first", 10, 1)]
    assert [c.id for c in expired(found, CheckpointRetention(keep_last=2))] == ["old"]


@pytest.mark.parametrize(
    ("metric", "higher"),
    [
        ("eval/loss", False),
        ("eval/perplexity", False),
        ("eval/masked_accuracy", True),
        ("eval/accuracy", True),
        ("eval/ema_masked_accuracy", True),
        ("probe/linear_accuracy", True),
        ("health/rankme", True),
        ("health/std", True),
        ("health/uniformity", False),
        ("health/alignment", False),
        ("eval/codebook_perplexity", True),
        ("eval/frechet_distance_label_cnn", False),
    ],
)
def test_each_metric_has_its_direction(metric: str, higher: bool) -> None:  # noqa: FBT001 - a column of the table
    assert higher_is_better(metric) == higher


_rules = st.builds(
    CheckpointRetention,
    keep_last=st.integers(1, 4),
    keep_every=st.none() | st.integers(1, 5),
    keep_best=st.none() | st.just("m"),
)
_values = st.none() | st.floats(allow_nan=True)


@given(_rules, st.lists(st.tuples(st.integers(1, 20), _values), max_size=15, unique_by=lambda pair: pair[0]))
def test_repeated_application_keeps_the_newest_and_the_best(
    rule: CheckpointRetention, written: list[tuple[int, float | None]]
) -> None:
    """Applied after each checkpoint of a run, as the engine does: the checkpoints that the rule keeps are always there."""
    present: list[Fake] = []
    seen: list[Fake] = []
    for step, value in sorted(written):
        checkpoint = Fake(str(step), step, metrics={"m": value})
        present.append(checkpoint)
        seen.append(checkpoint)
        gone = expired(present, rule)
        present = [c for c in present if c not in gone]
        assert {c.id for c in seen[-rule.keep_last :]} <= {c.id for c in present}
        top = _best(seen, "m")
        if rule.keep_best and top is not None:
            kept = _best(present, "m")
            assert kept
            assert kept.metrics["m"] == top.metrics["m"]
        if rule.keep_every:
            assert all(c in present for c in seen if c.step % rule.keep_every == 0)
        assert expired(present, rule) == []


def test_a_run_resumes_from_the_newest_that_opens() -> None:
    found = [Fake("old", 20, 1), Fake("first", 10, 3), Fake("new", 20, 2), Fake("last", 30, 1)]
    assert [c.id for c in newest_first(found)] == ["last", "new", "old", "first"]
    opened: list[str] = []
    passed_over: list[tuple[str, str]] = []

    def open_(checkpoint: Fake) -> int:
        opened.append(checkpoint.id)
        if checkpoint.id in {"last", "new"}:
            raise LookupError(f"{checkpoint.id} is cut")
        return checkpoint.step

    def tell(checkpoint: Fake, error: LookupError) -> None:
        passed_over.append((checkpoint.id, str(error)))

    assert first_whole(newest_first(found), open_, LookupError, tell) == 20
    assert opened == ["last", "new", "old"]
    assert passed_over == [("last", "last is cut"), ("new", "new is cut")]
    assert first_whole(found[2:], open_, LookupError, tell) is None
    with pytest.raises(LookupError):
        first_whole(found[2:], open_, OSError, tell)
