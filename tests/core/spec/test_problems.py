"""An error in a spec is reported at its field, with the nearest valid name."""

from typing import Any

import pytest

from core.spec.problems import SpecError, validate


def problems(**changes: Any) -> dict[str, tuple[str, str | None]]:
    """Code and suggestion by field."""
    document = {"name": "x", "task": {"kind": "masked_lm"}, "training": {"steps": 1}} | changes
    with pytest.raises(SpecError) as caught:
        validate(document)
    return {problem.param: (problem.code, problem.suggestion) for problem in caught.value.problems}


def test_of_a_union_the_field_that_tells_its_variants_apart_is_named() -> None:
    assert problems(task={"kind": "mask_lm"}) == {"task.kind": ("unknown_value", "masked_lm")}
    assert problems(task={}) == {"task.kind": ("missing", None)}
    wrong = {"steps": 1, "optimizer": {"kind": "adam"}}
    assert problems(training=wrong) == {"training.optimizer.kind": ("unknown_value", "adamw")}


def test_within_a_variant_its_tag_is_no_part_of_the_path() -> None:
    task = {"kind": "masked_lm", "mask_prob": 0.2}
    assert problems(task=task) == {"task.mask_prob": ("unknown_field", "mask_probability")}


def test_a_network_that_the_task_does_not_train_is_an_error_at_the_model() -> None:
    assert problems(model={"preset": "gpt2-mini"}) == {"model": ("model_not_of_task", None)}


def test_colour_augmentation_of_grey_images_is_an_error_at_the_channels() -> None:
    grey = {"task": {"kind": "colorization"}, "data": {"image": {"channels": 1}}}
    assert problems(**grey) == {"data.image.channels": ("needs_colour", None)}
    with pytest.raises(SpecError, match="set it to 3, or choose another task"):
        validate({"name": "x", "training": {"steps": 1}} | grey)
