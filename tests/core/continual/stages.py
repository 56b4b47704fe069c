"""Short stages of a lineage for tests, on the small jobs of `tests.core.training.reference`."""

import json
from pathlib import Path
from typing import Any

from tests.core.training.reference.jobs import CASES

STEPS = 6


def document_of(
    name: str, *, continual: dict[str, Any] | None = None, scope: str = "weights", steps: int = STEPS
) -> dict[str, Any]:
    """A short stage of a case; the first one without ``continual``."""
    found: dict[str, Any] = json.loads(json.dumps(CASES[name].document))
    found["training"] |= {"steps": steps, "evaluate_every": None, "checkpoint_every": 1}
    if continual is None:
        return found
    if "tokenizer" in found["data"]:
        found["data"]["tokenizer"] = {"kind": "checkpoint"}
    return found | {"continual": continual, "start": {"scope": scope}}


def ancestor(job: str, name: str) -> dict[str, Any]:
    """The entry of an ancestor that learned a case."""
    return {"job": job, "dataset": "ds_" + "0" * 26, "data": CASES[name].document["data"]}


def earlier(path: Path, **data: Path) -> list[str]:
    """The options that name the data of ancestors."""
    path.write_text(json.dumps({job: {"data": [str(where)]} for job, where in data.items()}))
    return ["--earlier", str(path)]


def last(out: Path) -> Path:
    """The newest checkpoint of a run."""
    return max(out.glob("step-*"))
