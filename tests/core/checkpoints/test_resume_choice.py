"""Whether the run in a directory may be resumed with a spec."""

import copy
from typing import Any

import pytest

from core.checkpoints.resume import fingerprint
from core.spec.problems import validate
from tests.core.training.reference.jobs import CASES

SPEC = CASES["masked_lm"].document
CHANGES: dict[str, tuple[dict[str, Any], bool]] = {
    "task": ({"task": {"kind": "masked_lm", "mask_probability": 0.3}}, False),
    "model": ({"model": SPEC["model"] | {"hidden_size": 32}}, False),
    "data": ({"data": SPEC["data"] | {"held_out_fraction": 0.3}}, False),
    "steps": ({"training": SPEC["training"] | {"steps": 9}}, False),
    "clipping": ({"training": SPEC["training"] | {"gradient_clip": None}}, False),
    "nothing": ({}, True),
    "name": ({"name": "another"}, True),
    "priority": ({"priority": 5}, True),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_fingerprint_depends_only_on_fields_that_affect_results(what: str) -> None:
    change, same = CHANGES[what]
    changed = copy.deepcopy(SPEC) | change
    assert (fingerprint(validate(changed)) == fingerprint(validate(SPEC))) == same
