"""Runs in the environment of seqeval: reads pairs of tagged sentences as JSON, writes what seqeval says of them.

Standard input: a list of ``{"true": …, "predicted": …}``, each a list of sentences, these lists of tags. Standard output: for
each ``default`` and, for tags of IOB2 alone, ``strict``: precision, recall, F1 and support of ``micro`` and of each type.
"""

import json
import sys
import warnings
from typing import Any

from seqeval.metrics import sequence_labeling, v1
from seqeval.scheme import IOB2, Entities

Sentences = list[list[str]]


def measured(true: Sentences, predicted: Sentences, *, strict: bool) -> dict[str, list[float]]:
    measure = (v1 if strict else sequence_labeling).precision_recall_fscore_support
    options: dict[str, Any] = {"scheme": IOB2} if strict else {}
    micro = measure(true, predicted, average="micro", **options)
    each = measure(true, predicted, average=None, **options)
    found = {"micro": [*map(float, micro[:3]), int(micro[3])]}
    for number, kind in enumerate(sorted({*types(true, strict=strict), *types(predicted, strict=strict)})):
        found[kind] = [*(float(column[number]) for column in each[:3]), int(each[3][number])]
    return found


def types(sentences: Sentences, *, strict: bool) -> set[str]:
    if strict:
        return {entity.tag for found in Entities(sentences, IOB2).entities for entity in found}
    return {kind for tags in sentences for kind, _, _ in sequence_labeling.get_entities(tags)}


def main() -> None:
    warnings.simplefilter("ignore")
    answers = []
    for pair in json.load(sys.stdin):
        true, predicted = pair["true"], pair["predicted"]
        answer = {"default": measured(true, predicted, strict=False)}
        if not any(tag[0] in "ES" for tags in (*true, *predicted) for tag in tags):
            answer["strict"] = measured(true, predicted, strict=True)
        answers.append(answer)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
