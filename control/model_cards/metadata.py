"""The metadata at the head of a model card, by which the Hub lists, filters and opens a model."""

import re

from huggingface_hub import EvalResult, ModelCardData

from control.model_cards.escaping import one_line
from control.model_cards.facts import Data, Facts, Score

_REPOSITORY = re.compile(
    r"(?=.{1,96}\Z)[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?(?:/[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)?", re.ASCII
)
"""What can be the name of a model on the Hub."""


def metadata(facts: Facts) -> str:
    """As YAML, without the lines of three hyphens around it. Without a licence: the service knows none."""
    results, base = _results(facts), _base(facts)
    card = ModelCardData(
        library_name="transformers",
        pipeline_tag=_pipeline(facts),
        tags=_tags(facts),
        datasets=[facts.data.id] if facts.data else None,
        base_model=base,
        base_model_relation="finetune" if base else None,
        model_name=one_line(facts.name) if results else None,
        eval_results=results or None,
        seedbed={
            "checkpoint": facts.id,
            "job": facts.job,
            "step": facts.step,
            "manifest_sha256": facts.manifest_sha256,
        },
    )
    return str(card)


def _pipeline(facts: Facts) -> str | None:
    return facts.spec.task.pipeline() if facts.known else None


def _tags(facts: Facts) -> list[str]:
    spec = facts.spec
    network = spec.network_size.architecture if facts.known else None
    found = ["seedbed", spec.task.kind, network, spec.adaptation.method]
    return [tag for tag in found if tag not in {None, "full"}]


def _base(facts: Facts) -> str | None:
    """The model whose weights training started from: by the name that an upload was given, if that can be one of the Hub's, else by
    the checkpoint's id."""
    if not facts.ancestors or facts.ancestors[0].scope == "tokenizer":
        return None
    nearest = facts.ancestors[0]
    if nearest.job is None and nearest.name is not None and _REPOSITORY.fullmatch(nearest.name):
        return nearest.name
    return nearest.checkpoint


def _results(facts: Facts) -> list[EvalResult]:
    found = [_result(facts, facts.data, "held_out", score) for score in facts.scores]
    for evaluation in facts.evaluations:
        found += [
            _result(facts, evaluation.data, evaluation.split, score, {"evaluation": evaluation.id})
            for score in evaluation.scores
        ]
    return [result for result in found if result is not None]


def _result(
    facts: Facts, data: Data | None, split: str, score: Score, args: dict[str, str] | None = None
) -> EvalResult | None:
    if data is None:
        return None
    return EvalResult(
        task_type=_pipeline(facts) or "other",
        dataset_type=data.id,
        dataset_name=one_line(data.name),
        dataset_split=split,
        dataset_args={"sha256": data.sha256},
        metric_type=score.name,
        metric_name=score.title,
        metric_value=score.value,
        metric_args=args,
    )
