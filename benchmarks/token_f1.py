"""Entity F1 of a short fine-tuning, by our count and by seqeval's on the same predictions; they must be equal to the digit.

The data are files in CoNLL layout, one of them named ``train``, others ``dev`` or ``test``. First a small Llama is pretrained on
their text (--pretraining steps), then it is fine-tuned (--steps); a small BERT predicts no entity after as few steps. seqeval is
installed in an environment of its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks._engine import engine
from benchmarks._environment import environment
from benchmarks._processes import run
from core.data import data_files, prepare_for
from core.evaluation.entities import EntityCounts, EntityScores
from core.spec.problems import validate
from core.tasks.objectives import create_objective

SEQEVAL = "seqeval==1.2.2"
RECORDED = Path("tests/core/evaluation/seqeval.json")
_MODEL = {"preset": "llama-tiny"}
_DATA = {"tokenizer": {"kind": "bpe", "vocabulary_size": 4000}}


def main() -> int:
    """Fine-tune, count, compare; figures on the last line; 1 if the counts differ, or nothing was predicted."""
    parser = argparse.ArgumentParser(prog="./run bench token-f1", description=__doc__)
    parser.add_argument("--data", type=Path, help="directory with the files in CoNLL layout")
    parser.add_argument("--pretraining", type=int, default=200, help="steps of pretraining (default 200)")
    parser.add_argument("--steps", type=int, default=300, help="steps of fine-tuning (default 300)")
    parser.add_argument("--record", action="store_true", help=f"only write seqeval's results into {RECORDED}")
    arguments = parser.parse_args()
    if arguments.record:
        return record()
    if arguments.data is None:
        parser.error("--data is needed")
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        true, predicted = tagged(arguments.data, arguments.pretraining, arguments.steps, Path(scratch))
    (theirs,) = seqeval([{"true": true, "predicted": predicted}])
    figures: dict[str, Any] = {"sentences": len(true)}
    equal = True
    for mode in ("default", "strict"):
        counts = EntityCounts(strict=mode == "strict")
        for pair in zip(true, predicted, strict=True):
            counts.add(*pair)
        ours = {name: as_list(one) for name, one in {"micro": counts.micro, **counts.by_type}.items()}
        equal = equal and ours == theirs[mode]
        figures |= {f"f1_{mode}": ours["micro"][2], f"seqeval_f1_{mode}": theirs[mode]["micro"][2]}
        print(json.dumps({"mode": mode, "ours": ours, "seqeval": theirs[mode]}))
    found = sum(tag.startswith("B-") for sentence in predicted for tag in sentence)
    figures |= {"entities": theirs["default"]["micro"][3], "entities_predicted": found, "equal": int(equal)}
    print(json.dumps(figures | {"seconds": round(time.perf_counter() - started, 1)}))
    if not found:
        print("No entity was predicted, so that nothing was compared; give more --steps.", file=sys.stderr)
    return int(not equal or not found)


def tagged(
    data: Path, pretraining: int, steps: int, scratch: Path
) -> tuple[list[list[str]], list[list[str]]]:
    """True and predicted tags of the held-out sentences, after pretraining and fine-tuning."""
    cache = scratch / "cache"
    training = {"sequence_length": 64, "precision": "fp32", "evaluate_every": None, "checkpoint_every": None}
    shared = {"model": _MODEL, "data": _DATA, "resources": {"device": "cpu"}}
    first = {
        "name": "pretraining",
        "task": {"kind": "causal_lm"},
        "training": training
        | {"steps": pretraining, "batch_size": 32, "optimizer": {"learning_rate": 0.003}},
    }
    pretrained = engine(shared | first, data=data, out=scratch / "pretraining", cache=cache)
    second = shared | {
        "name": "fine-tuning",
        "start": {"scope": "encoder"},
        "task": {"kind": "token_classification"},
        "training": training
        | {
            "steps": steps,
            "batch_size": 32,
            "optimizer": {"learning_rate": 0.001},
            "evaluation_sequences": 10_000,
        },
    }
    tuned = engine(second, data=data, out=scratch / "tuning", cache=cache, start=pretrained.checkpoint)
    job = validate(second)
    objective: Any = create_objective(job, prepare_for(job, data_files([data]), cache))
    objective.restore(tuned.checkpoint)
    objective.eval()
    samples = objective.samples("held_out")
    with torch.no_grad():
        pairs = list(objective.tags_of(samples, np.arange(len(samples)), 64))
    return [true for true, _ in pairs], [predicted for _, predicted in pairs]


def seqeval(pairs: list[dict[str, Any]]) -> list[dict[str, dict[str, list[float]]]]:
    """What seqeval says of pairs of true and predicted sentences."""
    python = environment("seqeval", SEQEVAL)
    script = Path(__file__).with_name("_seqeval.py")
    answer = subprocess.run(
        [str(python), "-P", str(script)], input=json.dumps(pairs), capture_output=True, text=True, check=True
    )
    found: list[dict[str, dict[str, list[float]]]] = json.loads(answer.stdout)
    return found


def as_list(scores: EntityScores) -> list[float]:
    return [scores.precision, scores.recall, scores.f1, scores.support]


def record() -> int:
    """Write seqeval's results beside the cases of the test."""
    cases = json.loads(RECORDED.read_text())
    answers = seqeval(cases)
    recorded = [
        {"name": case["name"], "true": case["true"], "predicted": case["predicted"]} | answer
        for case, answer in zip(cases, answers, strict=True)
    ]
    RECORDED.write_text("[\n" + ",\n".join(json.dumps(case) for case in recorded) + "\n]\n")
    print(json.dumps({"cases": len(recorded)}))
    return 0


if __name__ == "__main__":
    run(main)
