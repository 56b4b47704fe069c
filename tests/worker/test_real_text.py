"""Names in any script, through a real worker and the real engine."""

import json

from tests.worker.conftest import Bench

NAMES = (
    "\N{GRINNING FACE}col",
    "e\u0301 \u00e9",
    "a\u202fb\u200c\u062e",
    "\u202etxt",
    "\u2028\u2029\x85",
    "\ue000\ufffe\U0010ffff",
    "\x7f\t\n",
)


def test_names_and_columns_reach_the_engine_unchanged(bench: Bench) -> None:
    """Each key is another column of the same file: the job's own column is trained on."""
    document = "a document that is long enough to be learned from "
    rows = [dict.fromkeys(NAMES, f"{document}{number}") for number in range(300)]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    dataset = bench.dataset(content, "Bild 9.41\u202fAM \N{GRINNING FACE}.jsonl", kind="jsonl")
    with bench.worker(engine="core"):
        jobs = [
            bench.submit(
                f"\N{GRINNING FACE}{name[:1] if name.isprintable() else ''}",
                dataset=dataset,
                model={"layers": 1, "hidden_size": 16, "heads": 1},
                data={"text_column": name, "tokenizer": {"kind": "byte"}},
                training={"steps": 1, "batch_size": 2, "sequence_length": 16, "precision": "fp32"},
            )
            for name in NAMES
        ]
        for job_id in jobs:
            bench.await_state(job_id, "succeeded", "failed")
    for job_id, name in zip(jobs, NAMES, strict=True):
        job = bench.job(job_id)
        assert job.state == "succeeded", (name, job.failure)
        assert job.spec["data"]["text_column"] == name
