"""Opens a checkpoint with ``transformers`` alone and fills masks with it: ``python -m standalone.fill_mask DIRECTORY``."""

import json
import sys

import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

SENTENCES = (
    "If no exception occurs, the {mask} clause is executed.",
    "The expression is evaluated and must yield an {mask} object.",
    "Changed in version 3.8: Dictionaries are now {mask}.",
)


def fill(directory: str, guesses: int = 3) -> list[dict[str, object]]:
    """The most probable tokens for the mask in each of three sentences, with their probabilities."""
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForMaskedLM.from_pretrained(directory).eval()
    filled: list[dict[str, object]] = []
    for sentence in SENTENCES:
        text = sentence.format(mask=tokenizer.mask_token)
        inputs = tokenizer(text, return_tensors="pt")
        position = (inputs["input_ids"][0] == tokenizer.mask_token_id).nonzero()[0, 0]
        with torch.inference_mode():
            probabilities = model(**inputs).logits[0, position].softmax(-1)
        best = probabilities.topk(guesses)
        words = [str(tokenizer.decode([int(token)])).strip() for token in best.indices]
        filled.append({"sentence": text, "guesses": list(zip(words, best.values.tolist(), strict=True))})
    return filled


if __name__ == "__main__":
    print(json.dumps(fill(sys.argv[1])))
