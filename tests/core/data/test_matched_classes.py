"""Labels of a dataset as a checkpoint with other classes, in another order, numbers them."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data import Prepared, SplitName, data_files, prepare_for
from core.data.audio.prepared import LABEL
from core.data.matched_classes import matched
from core.spec.problems import validate
from tests.core.training.reference.jobs import CASES


def _named(data: Prepared, split: SplitName) -> list[Any]:
    """The names of each sample's classes, or of each word's tag; None without a label."""
    found: Any = data
    facts = getattr(data, "label_facts", None)
    classes = found.classes
    if facts is not None and facts.kind == "several":
        sets = found.label_sets(split)
        labelled = found.labels(split) >= 0
        return [
            frozenset(classes[number] for number in np.flatnonzero(row > 0)) if there else None
            for row, there in zip(sets, labelled, strict=True)
        ]
    if facts is not None and facts.kind == "tags":
        numbers = found.tags(split).tags
    elif facts is None and hasattr(found, "index"):
        numbers = np.array(found.index(split))[:, LABEL]
    else:
        numbers = found.labels(split)
    return [classes[number] if number >= 0 else None for number in numbers.tolist()]


@pytest.mark.parametrize(
    "name",
    [
        "image_classification",
        "text_classification",
        "text_classification-modernbert",
        "token_classification",
        "audio_classification",
    ],
)
def test_each_sample_keeps_the_name_of_its_class(
    name: str, request: pytest.FixtureRequest, cache: Path, tmp_path: Path
) -> None:
    job = validate(copy.deepcopy(CASES[name].document))
    files = data_files([request.getfixturevalue(CASES[name].data)], job.task.modality)
    data = prepare_for(job, files, cache)
    own: tuple[str, ...] = getattr(data, "classes", ())
    tagged = name.startswith("token")
    # Without the last type or class, in another order, with one that the dataset does not have.
    kept = own[: -2 if tagged else -1]
    lost = set(own) - set(kept)
    known = (kept[0], "nowhere", *reversed(kept[1:])) if tagged else ("nowhere", *reversed(kept))
    found = matched(data, known, tmp_path)
    assert (found.missing, set(found.unknown)) == (("nowhere",), lost)
    count = 0
    for split in ("train", "held_out"):
        before, after = _named(data, split), _named(found.data, split)
        assert len(before) == len(after) > 0
        for one, other in zip(before, after, strict=True):
            if isinstance(one, frozenset):
                count += bool(one & lost)
                left = one - lost
                assert other == (left if left or not one else None)
            else:
                count += one in lost
                assert other == (one if one not in lost else "O" if tagged else None)
    assert found.samples == count > 0
