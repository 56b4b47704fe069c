"""nanoGPT's character-level training as a plain eager loop: the baseline of `benchmarks.clm`.

    python -m benchmarks._clm_eager SETTING.json

The engine's network, fp32, batches at random offsets, `torch.optim.AdamW` with its default options.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel


def main(setting: dict[str, Any]) -> None:
    """Train, then print the loss over the last tenth of the text."""
    torch.set_num_threads(setting["threads"])
    torch.manual_seed(setting["seed"])
    text = Path(setting["data"]).read_text(encoding="utf-8")
    ids = {character: number for number, character in enumerate(sorted(set(text)))}
    data = torch.from_numpy(np.array([ids[character] for character in text]))
    cut = int(0.9 * len(data))
    train, held_out = data[:cut], data[cut:]
    length, batch, steps = setting["length"], setting["batch"], setting["steps"]
    model: Any = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(ids),
            n_positions=length,
            n_embd=setting["width"],
            n_layer=setting["layers"],
            n_head=setting["heads"],
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
        )
    )
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=setting["rate"], betas=(0.9, setting["beta2"]))
    for step in range(1, steps + 1):
        rate = _rate(step, setting)
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(len(train) - length, (batch,))
        inputs = torch.stack([train[start : start + length] for start in starts])
        targets = torch.stack([train[start + 1 : start + 1 + length] for start in starts])
        loss = functional.cross_entropy(model(inputs).logits.flatten(0, 1), targets.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    model.eval()
    count = (len(held_out) - 1) // length
    inputs = held_out[: count * length].view(count, length)
    targets = held_out[1 : count * length + 1].view(count, length)
    with torch.no_grad():
        total = 0.0
        for start in range(0, count, 64):
            scores = model(inputs[start : start + 64]).logits.flatten(0, 1)
            wanted = targets[start : start + 64].flatten()
            total += functional.cross_entropy(scores, wanted, reduction="sum").item()
    print(json.dumps({"val_loss": total / (count * length)}))


def _rate(step: int, setting: dict[str, Any]) -> float:
    """The learning rate of a step: linear warm-up, then a cosine decay to a tenth of the peak."""
    warmup, peak = setting["warmup"], setting["rate"]
    if step < warmup:
        return float(peak * step / warmup)
    done = (step - warmup) / (setting["steps"] - warmup)
    return float(peak * (0.1 + 0.9 * 0.5 * (1.0 + math.cos(math.pi * done))))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
