"""Heads of fine-tuning that uploaded models bring, by the class of `transformers` that saved them, and the names of their classes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.characters import unstorable
from core.formats.errors import FormatError
from core.formats.published.family import Settings, Shapes, linear, norm
from core.formats.published.names import CONFIG
from core.spec.supervised import LONGEST_CLASS_NAME

_USUAL_CLASSES = 2
"""Outputs of a head whose configuration does not say how many."""
_MOST_CLASSES = 1 << 15


@dataclass(frozen=True)
class Head:
    """A head of fine-tuning."""

    model_type: str
    """Of the models that have it."""
    shapes: Callable[[Settings, int], Shapes]
    """Its tensors, by their whole names, for a number of outputs. All of them must be there."""
    task: Callable[[Settings, int], dict[str, Any]] = lambda *_: {}
    """Fields of the section ``task`` that follow from the configuration and the number of outputs."""
    has_classes: bool = True
    """Whether its outputs are classes. False: they are the characters of `core.formats.published.characters`."""


def check_classes(settings: Settings) -> int:
    """Check the names of the classes, and return how many a head tells apart.

    Raises:
        FormatError: ``checkpoint_misfit``.
    """
    named = settings.document.get("id2label")
    if named is None or named == {}:
        return settings.number("num_labels", _USUAL_CLASSES)
    if not isinstance(named, dict) or len(named) > _MOST_CLASSES:
        raise _misfit("is no object with the name of each class by its number")
    if set(named) != {str(number) for number in range(len(named))}:
        raise _misfit(f"does not number its {len(named):,} classes from 0 without gaps")
    for number, name in named.items():
        if (
            not isinstance(name, str)
            or not name.strip()
            or len(name) > LONGEST_CLASS_NAME
            or unstorable(name)
        ):
            raise _misfit(f"has no name of 1 to {LONGEST_CLASS_NAME} characters for the class {number}")
    count = settings.document.get("num_labels")
    if count is not None and count != len(named):
        raise _misfit(f"names {len(named):,} classes, and num_labels is {str(count)[:20]}")
    return len(named)


def names_of_classes(settings: Settings, classes: int) -> tuple[str, ...]:
    """The names of so many classes, in the order of the outputs; where there are none, those that `transformers` gives."""
    named = settings.document.get("id2label") or {}
    return tuple(named.get(str(number), f"LABEL_{number}") for number in range(classes))


def _misfit(what: str) -> FormatError:
    return FormatError(
        "checkpoint_misfit",
        f"id2label {what}; set it before the model is saved with save_pretrained",
        CONFIG,
        case="id2label",
        what=what,
    )


def _bert_texts(settings: Settings, classes: int) -> Shapes:
    hidden = settings.number("hidden_size")
    yield from linear("bert.pooler.dense", hidden, hidden)
    yield from linear("classifier", classes, hidden)


def _classifier(settings: Settings, classes: int) -> Shapes:
    yield from linear("classifier", classes, settings.number("hidden_size"))


def _modernbert(settings: Settings, classes: int) -> Shapes:
    hidden = settings.number("hidden_size")
    yield from linear("head.dense", hidden, hidden, bias=settings.flag("classifier_bias", default=False))
    yield from norm("head.norm", hidden, bias=settings.flag("norm_bias", default=False))
    yield from linear("classifier", classes, hidden)


def _resnet(settings: Settings, classes: int) -> Shapes:
    yield from linear("classifier.1", classes, settings.numbers("hidden_sizes")[-1])


def _ast(settings: Settings, classes: int) -> Shapes:
    hidden = settings.number("hidden_size")
    yield from norm("classifier.layernorm", hidden)
    yield from linear("classifier.dense", classes, hidden)


def _wav2vec2(settings: Settings, classes: int) -> Shapes:
    projection = settings.number("classifier_proj_size", 256)
    yield from linear("projector", projection, settings.number("hidden_size"))
    yield from linear("classifier", classes, projection)


def _target(settings: Settings, outputs: int) -> dict[str, Any]:
    """What a classifier of texts predicts; where ``problem_type`` is left out, as `transformers` decides it for classes."""
    one = frozenset({"regression", "single_label_classification", "multi_label_classification", None})
    settings.require("problem_type", one, None)
    problem = settings.document.get("problem_type")
    if problem == "regression" or (problem is None and outputs == 1):
        if outputs != 1:
            raise FormatError(
                "checkpoint_unsupported",
                f"a regression with {outputs:,} outputs is not supported here; supported: one number",
                CONFIG,
                case="regression",
                outputs=outputs,
            )
        return {"target": "number"}
    return {"target": "several" if problem == "multi_label_classification" else "one"}


def _ctc(settings: Settings, _: int) -> Shapes:
    yield from linear("lm_head", settings.number("vocab_size", 32), settings.number("hidden_size"))


HEADS: Mapping[str, Head] = {
    "BertForSequenceClassification": Head("bert", _bert_texts, _target),
    "BertForTokenClassification": Head("bert", _classifier),
    "ModernBertForSequenceClassification": Head("modernbert", _modernbert, _target),
    "ModernBertForTokenClassification": Head("modernbert", _modernbert),
    "ViTForImageClassification": Head("vit", _classifier),
    "ResNetForImageClassification": Head("resnet", _resnet),
    "ASTForAudioClassification": Head("audio-spectrogram-transformer", _ast),
    "Wav2Vec2ForSequenceClassification": Head("wav2vec2", _wav2vec2),
    "Wav2Vec2ForCTC": Head("wav2vec2", _ctc, has_classes=False),
}
"""By the name of the class."""


def head_of(settings: Settings, model_type: str) -> tuple[str, Head | None]:
    """The class of `transformers` that saved a model, if it has a head of fine-tuning, and that head; otherwise an empty name."""
    classes = settings.document.get("architectures")
    name = classes[0] if isinstance(classes, list) and classes and isinstance(classes[0], str) else ""
    head = HEADS.get(name)
    return (name, head) if head is not None and head.model_type == model_type else ("", None)
