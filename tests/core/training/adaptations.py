"""The adaptations that whole runs are tried with."""

from typing import Any

STAGES = [{"step": 0, "blocks": 0}, {"step": 3, "blocks": 1}, {"step": 8, "blocks": 2, "embeddings": True}]
METHODS: dict[str, dict[str, Any]] = {
    "full": {"method": "full"},
    "frozen": {"method": "frozen"},
    "gradual": {"method": "gradual", "unfreeze": STAGES},
    "lora": {"method": "lora", "rank": 4, "dropout": 0.2},
    "dora": {"method": "lora", "rank": 2, "dora": True, "rslora": True, "targets": ["attention"]},
    "ia3": {"method": "ia3"},
    "adapters": {"method": "adapters", "placement": "houlsby", "size": 4},
}
LOGGED = {"log_every": 1, "evaluate_every": 4, "checkpoint_every": 2}
