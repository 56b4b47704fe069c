"""Jobs of students and of teachers alone."""

import json
from typing import Any

from tests.core.training.reference.jobs import CASES

STEPS = 4


def job(case: str, **changes: Any) -> dict[str, Any]:
    """A short job of a case."""
    found: dict[str, Any] = json.loads(json.dumps(CASES[case].document))
    found["training"] |= {"steps": STEPS, "evaluate_every": 2, "checkpoint_every": 2}
    return found | changes


def student(case: str, distillation: dict[str, Any], **changes: Any) -> dict[str, Any]:
    found = job(case, distillation=distillation, **changes)
    found["data"].pop("tokenizer", None)
    return found
