"""`transformers.Trainer` with its masked language modelling collator: the baseline of `benchmarks.mlm`.

    python -P benchmarks/_mlm_trainer.py SETTING.json

Reads rows of token ids, trains, saves the model, and prints the seconds between the ends of two steps.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DataCollatorForLanguageModeling,
    PreTrainedTokenizerFast,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)


class Clock(TrainerCallback):
    """Records the time at the end of each step, in seconds of `time.perf_counter`."""

    def __init__(self) -> None:
        self.at: dict[int, float] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.at[state.global_step] = time.perf_counter()


def main(setting: dict[str, Any]) -> None:
    """Train with the given setting."""
    torch.set_num_threads(setting["threads"])
    rows = np.load(setting["rows"])
    tokenizer = PreTrainedTokenizerFast.from_pretrained(setting["tokenizer"])
    special = np.isin(rows, tokenizer.all_special_ids)
    dataset = Dataset.from_dict(
        {
            "input_ids": rows.tolist(),
            "attention_mask": np.ones_like(rows).tolist(),
            "special_tokens_mask": special.astype(int).tolist(),
        }
    )
    torch.manual_seed(setting["seed"])
    model = BertForMaskedLM(BertConfig(**setting["model"]))
    clock = Clock()
    arguments = TrainingArguments(
        output_dir=setting["out"],
        max_steps=setting["steps"],
        per_device_train_batch_size=setting["batch_size"],
        learning_rate=setting["learning_rate"],
        adam_beta2=setting["beta2"],
        adam_epsilon=setting["epsilon"],
        weight_decay=setting["weight_decay"],
        lr_scheduler_type="cosine",
        warmup_steps=setting["warmup_steps"],
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        seed=setting["seed"],
        use_cpu=setting["device"] == "cpu",
        **setting["flags"],
    )
    collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15)
    trainer = Trainer(model, arguments, data_collator=collator, train_dataset=dataset, callbacks=[clock])
    trainer.train()
    trainer.save_model(setting["out"])
    print(json.dumps({"seconds": clock.at[setting["steps"]] - clock.at[setting["from_step"]]}))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
