"""The check of an uploaded checkpoint's files against each other, on reports without files."""

import math
from typing import Any

import pytest

from core.formats import FormatError
from core.formats.published.checking import FAMILIES, check_checkpoint
from core.formats.published.family import Settings

T5 = {
    "model_type": "t5",
    "vocab_size": 200,
    "d_model": 16,
    "d_kv": 4,
    "d_ff": 24,
    "num_layers": 1,
    "num_heads": 2,
}


def reports(config: dict[str, Any], **tokenizer: int) -> dict[str, Any]:
    """Those of a model with exactly the tensors of its encoder."""
    family = FAMILIES[config["model_type"]]
    shapes = dict(family.shapes(Settings(family.defaults | config)))
    assert all(math.prod(shape) for shape in shapes.values())
    return {
        "config.json": {"document": config},
        "model.safetensors": {"tensors": {name: ["F32", *shape] for name, shape in shapes.items()}},
        "tokenizer.json": tokenizer,
    }


@pytest.mark.parametrize(("largest", "sentinels"), [(199, 100), (99, 0), (149, 50)])
def test_a_t5_has_its_sentinels_or_room_for_them(largest: int, sentinels: int) -> None:
    found = check_checkpoint(reports(T5, largest_id=largest, sentinels=sentinels))
    assert found.document["task"] == {"kind": "text_denoising_autoencoder"}


@pytest.mark.parametrize(("largest", "sentinels"), [(199, 99), (100, 0), (199, 0)])
def test_a_t5_without_room_for_its_sentinels_is_refused(largest: int, sentinels: int) -> None:
    with pytest.raises(FormatError, match="extra_id_0"):
        check_checkpoint(reports(T5, largest_id=largest, sentinels=sentinels))


BERT: dict[str, Any] = {
    "model_type": "bert",
    "architectures": ["BertForSequenceClassification"],
    "vocab_size": 200,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
}


def headed(outputs: int, **config: Any) -> dict[str, Any]:
    """A BERT with a classifier of texts."""
    found = reports(BERT | config, largest_id=199)
    tensors = found["model.safetensors"]["tensors"]
    tensors = {f"bert.{name}": shape for name, shape in tensors.items()}
    tensors |= {"bert.pooler.dense.weight": ["F32", 16, 16], "bert.pooler.dense.bias": ["F32", 16]}
    tensors |= {"classifier.weight": ["F32", outputs, 16], "classifier.bias": ["F32", outputs]}
    found["model.safetensors"] = {"tensors": tensors}
    return found


@pytest.mark.parametrize(
    ("outputs", "config", "target", "classes"),
    [
        (2, {}, "one", ("LABEL_0", "LABEL_1")),
        (3, {"id2label": {"2": "c", "0": "a", "1": "b"}}, "one", ("a", "b", "c")),
        (3, {"id2label": {"0": "crane", "1": "b", "2": "crane"}}, "one", ("crane", "b", "crane")),
        (4, {"num_labels": 4}, "one", tuple(f"LABEL_{number}" for number in range(4))),
        (1, {"id2label": {"0": "score"}}, "number", ("score",)),
        (1, {"num_labels": 1, "problem_type": "regression"}, "number", ("LABEL_0",)),
        (2, {"problem_type": "multi_label_classification"}, "several", ("LABEL_0", "LABEL_1")),
    ],
)
def test_a_head_tells_what_it_predicts(
    outputs: int, config: dict[str, Any], target: str, classes: tuple[str, ...]
) -> None:
    found = check_checkpoint(headed(outputs, **config))
    assert found.document["task"] == {"kind": "text_classification", "target": target}
    assert found.classes == classes


@pytest.mark.parametrize(
    ("config", "case"),
    [
        ({"id2label": ["a", "b"]}, "id2label"),
        ({"id2label": {"0": "a", "2": "b"}}, "id2label"),
        ({"id2label": {"a": 0, "b": 1}}, "id2label"),
        ({"id2label": {"0": "a", "1": ""}}, "id2label"),
        ({"id2label": {"0": "a", "1": 7}}, "id2label"),
        ({"id2label": {"0": "a", "1": "x" * 201}}, "id2label"),
        ({"id2label": {"0": "a", "1": "b"}, "num_labels": 3}, "id2label"),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "shape"),
        ({"problem_type": "ranking"}, "setting"),
        ({"problem_type": "regression"}, "regression"),
        ({"architectures": ["BertForTokenClassification"], "num_labels": 5}, "shape"),
    ],
)
def test_classes_that_do_not_fit_the_head_are_refused(config: dict[str, Any], case: str) -> None:
    with pytest.raises(FormatError) as refused:
        check_checkpoint(headed(2, **config))
    assert refused.value.facts["case"] == case


def test_a_head_that_its_class_has_must_be_there() -> None:
    found = headed(2)
    del found["model.safetensors"]["tensors"]["classifier.weight"]
    with pytest.raises(FormatError, match=r"has no tensor classifier\.weight"):
        check_checkpoint(found)


@pytest.mark.parametrize("architectures", [None, [], ["BertModel"], ["GPT2ForSequenceClassification"], 7])
def test_without_a_class_with_a_known_head_it_is_a_model_of_pretraining(architectures: Any) -> None:
    found = check_checkpoint(headed(2, architectures=architectures))
    assert found.document["task"] == {"kind": "masked_lm"}
    assert found.classes == ()
