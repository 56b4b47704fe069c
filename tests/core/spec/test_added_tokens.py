"""Words that a job adds to the vocabulary of its checkpoint: what is refused, and what a job takes over from another."""

from typing import Any

import pytest

from core.spec.added_tokens import LONGEST_ADDED_TOKEN, MOST_ADDED_TOKENS
from core.spec.estimate import estimate
from core.spec.job import JobSpec
from core.spec.prepared import prepared_key
from core.spec.problems import SpecError, validate
from core.spec.start_completion import completed
from core.spec.start_rules import misfits


def job(added: list[Any] | None = None, scope: str = "encoder", **tokenizer: Any) -> dict[str, Any]:
    given = {"kind": "checkpoint", **tokenizer} | ({} if added is None else {"add_tokens": added})
    return {
        "name": "x",
        "task": {"kind": "masked_lm"},
        "start": {"scope": scope},
        "model": {"layers": 2, "hidden_size": 16, "heads": 2},
        "training": {"steps": 100},
        "data": {"tokenizer": given},
    }


def trained(size: int = 500) -> JobSpec:
    document = job(kind="bpe", vocabulary_size=size)
    del document["start"]
    return validate(document)


@pytest.mark.parametrize(
    ("added", "code", "case"),
    [
        ([""], "string_too_short", None),
        (["  "], "added_token", "blank"),
        (["\u3000"], "added_token", "blank"),
        ([" word"], "added_token", "outer_space"),
        (["word\u00a0"], "added_token", "outer_space"),
        (["wo\nrd"], "added_token", "characters"),
        (["wo\x00rd"], "added_token", "characters"),
        (["a", "b", "a"], "added_token", "repeated"),
        ([7], "string_type", None),
        (["x" * (LONGEST_ADDED_TOKEN + 1)], "string_too_long", None),
        ([f"word{number}" for number in range(MOST_ADDED_TOKENS + 1)], "too_long", None),
    ],
)
def test_what_is_no_list_of_words_is_refused_at_its_field(
    added: list[Any], code: str, case: str | None
) -> None:
    with pytest.raises(SpecError) as refused:
        validate(job(added))
    problem = refused.value.problems[0]
    assert problem.param.startswith("data.tokenizer.add_tokens")
    assert (problem.code, problem.params.get("case")) == (code, case)


@pytest.mark.parametrize("kind", ["bpe", "byte", "uploaded"])
def test_only_the_tokenizer_of_a_checkpoint_takes_words(kind: str) -> None:
    with pytest.raises(SpecError) as refused:
        validate(job(["new"], kind=kind))
    (problem,) = refused.value.problems
    assert (problem.param, problem.code) == ("data.tokenizer.add_tokens", "added_tokens_without_checkpoint")


def test_a_job_has_the_words_of_its_checkpoint_and_its_own_after_them() -> None:
    first = completed(validate(job(["a", "b"])), trained())
    tokenizer = first.data.tokenizer
    assert (tokenizer.add_tokens, tokenizer.vocabulary_size) == (("a", "b"), 502)
    for asked, all_of_them in (
        (None, ("a", "b")),
        (["c"], ("a", "b", "c")),
        (["a", "b", "c"], ("a", "b", "c")),
    ):
        second = completed(validate(job(asked)), first).data.tokenizer
        assert (second.add_tokens, second.vocabulary_size) == (all_of_them, 500 + len(all_of_them))
    without = job(None)
    del without["data"]
    assert completed(validate(without), first).data.tokenizer.add_tokens == ("a", "b")
    with pytest.raises(SpecError, match="'b' was added to the checkpoint's vocabulary already"):
        completed(validate(job(["b"])), first)


def test_the_estimate_counts_their_rows() -> None:
    plain, more = (completed(validate(job(added)), trained()) for added in (None, ["a", "b", "c"]))
    # An embedding of 16 numbers and a bias for each.
    assert estimate(more).parameters - estimate(plain).parameters == 3 * (16 + 1)
    assert estimate(more).memory_bytes > estimate(plain).memory_bytes


@pytest.mark.parametrize("scope", ["all", "weights", "encoder", "tokenizer"])
def test_the_words_of_a_checkpoint_cannot_be_left_out(scope: Any) -> None:
    before = completed(validate(job(["a", "b"])), trained())
    for added in (None, ["b", "a"], ["a"]):
        (misfit,) = misfits(validate(job(added, scope)), before, scope=scope, step=1)
        assert (misfit.param, misfit.code) == ("data.tokenizer.add_tokens", "fixed_by_checkpoint")
    assert misfits(validate(job(["a", "b"], scope)), before, scope=scope, step=1) == []


def test_an_optimisers_state_has_no_rows_for_new_words() -> None:
    spec = completed(validate(job(["a"], "all")), trained())
    (misfit,) = misfits(spec, trained(), scope="all", step=1)
    assert (misfit.param, misfit.params["case"]) == ("data.tokenizer.add_tokens", "added_tokens_optimizer")
    assert "start.scope to weights" in misfit.message
    assert misfits(spec, trained(), scope="weights", step=1) == []
    assert misfits(spec, trained(), scope="all", step=0, uploaded=True) == []
    assert misfits(spec, trained(), scope="encoder", step=1) == []


def test_prepared_data_depend_on_the_words_and_without_any_on_nothing_new() -> None:
    keys = [
        prepared_key("text", validate(job(added)).prepared_data, [["a.txt", "1" * 64]], "tokenizer.json:0")
        for added in (None, [], ["a"], ["b"], ["a", "b"])
    ]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 4
    # As it was before words could be added.
    assert keys[0] == "9317639a73db7ee48e163930224f7f72131c2f09ec03a819a6a524fa6ab3816c"
