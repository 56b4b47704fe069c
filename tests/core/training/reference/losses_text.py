"""The text tasks' losses from dense scores, with masks and positions built one token after the other."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

ALPHA = 0.6
"""Share of the token loss if features are reconstructed too."""


def documents_of(rows: Tensor, separator: int, *, begins: bool) -> tuple[Tensor, Tensor]:
    """Which document of its row each token belongs to, and its position in it, token by token."""
    numbers, positions = torch.zeros_like(rows), torch.zeros_like(rows)
    for row, ids in enumerate(rows.tolist()):
        number = position = 0
        for place, token in enumerate(ids):
            new = place > 0 and (token == separator if begins else ids[place - 1] == separator)
            if begins and place == 0 and token == separator:
                number = 1
            number, position = (number + 1, 0) if new else (number, position)
            numbers[row, place], positions[row, place] = number, position
            position += 1
    return numbers, positions


def visible(numbers: Tensor, *, causal: bool) -> Tensor:
    """True where a token may attend to another: in the same document and, if causal, not after itself; (B, 1, L, L)."""
    length = numbers.shape[1]
    mask = torch.zeros(len(numbers), 1, length, length, dtype=torch.bool)
    for row in range(len(numbers)):
        for query in range(length):
            for key in range(query + 1 if causal else length):
                mask[row, 0, query, key] = numbers[row, query] == numbers[row, key]
    return mask


def masked_lm(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    """Cross-entropy of the masked positions out of the scores of all positions."""
    t, model = batch.tensors, objective.model
    labels = torch.full((rows.numel(),), -100)
    labels[t["positions"][: batch.count]] = rows.flatten()[t["positions"][: batch.count]]
    positions = mask = None
    if objective.task.separate_documents:
        numbers, positions = documents_of(rows, objective.data.special_ids.sep, begins=False)
        mask = visible(numbers, causal=False)
    if hasattr(model, "bert"):
        network, head, attention = model.bert, model.cls, mask
    else:  # ModernBERT, whose window is wider than these rows
        network, attention = model.model, {"full_attention": mask, "sliding_attention": mask}

        def head(states: Tensor) -> Tensor:
            return model.decoder(model.head(states))

    hidden = network(
        input_ids=t["inputs"], position_ids=positions, attention_mask=attention
    ).last_hidden_state
    scores = head(hidden)
    loss = functional.cross_entropy(scores.flatten(0, 1), labels, reduction="sum", ignore_index=-100)
    if objective.predictor is None:
        return loss
    model.eval()
    with torch.no_grad():
        clean = network(input_ids=rows).last_hidden_state.flatten(0, 1)
    model.train()
    chosen = t["positions"][: batch.count]
    clean = clean[chosen]
    clean = (clean - clean.mean(1, keepdim=True)) / (clean.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
    guess = objective.predictor(hidden.flatten(0, 1)[chosen])
    return ALPHA * loss + (1 - ALPHA) * (guess - clean).square().mean(1).sum()


def causal_lm(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    """Cross-entropy of each token but the first, given those before it."""
    inputs, model = rows[:, :-1], objective.model
    positions = mask = None
    if objective.task.separate_documents:
        numbers, positions = documents_of(inputs, objective.data.special_ids.sep, begins=True)
        mask = visible(numbers, causal=True)
    network = model.transformer if hasattr(model, "transformer") else model.model
    hidden = network(
        input_ids=inputs, position_ids=positions, attention_mask=mask, use_cache=False
    ).last_hidden_state
    scores = model.lm_head(hidden)
    return functional.cross_entropy(scores.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum")


def text_denoising_autoencoder(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    """Cross-entropy of the removed spans; the decoder's input is shifted right by one, after padding."""
    t, model = batch.tensors, objective.model
    started = torch.full_like(t["targets"], objective.data.special_ids.pad)
    started[:, 1:] = t["targets"][:, :-1]
    scores = model(input_ids=t["inputs"], decoder_input_ids=started, use_cache=False).logits
    return functional.cross_entropy(scores.flatten(0, 1), t["targets"].flatten(), reduction="sum")


def text_classification(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    """Text by text and class by class; a T5's tokens are averaged text by text."""
    task, model, data = objective.task, objective.model, objective.data
    ids, real = batch.tensors["ids"], batch.tensors["real"]
    mask, given = _attention(model, ids, real)
    if model.config.model_type == "t5_encoder_classifier":
        hidden = model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        means = [own[:count].mean(0) for own, count in zip(hidden, real.sum(1).tolist(), strict=True)]
        scores = model.classifier(torch.stack(means))
    else:
        scores = model(input_ids=ids, attention_mask=given).logits
    labels, total = batch.tensors["labels"], torch.zeros(())
    if task.target == "number":
        return sum((score[0] - value) ** 2 for score, value in zip(scores, labels, strict=True))
    if task.target == "several":
        for score, truth in zip(scores, labels, strict=True):
            share = (1 - task.label_smoothing) * truth + task.label_smoothing / 2
            chance = score.sigmoid()
            total = total - (share * chance.log() + (1 - share) * (1 - chance).log()).mean()
        return total
    classes = list(data.classes)
    known = data.labels("train").tolist()
    even = task.label_smoothing / len(classes)
    for logs, label in zip(scores.log_softmax(1), labels.tolist(), strict=True):
        for number, log in enumerate(logs):
            weight = 1.0
            if task.class_weights == "balanced":
                weight = len(known) / (len(classes) * known.count(number))
            elif task.class_weights != "none":
                weight = task.class_weights.get(classes[number], 1.0)
            total = total - weight * (even + (1 - task.label_smoothing) * (number == label)) * log
    return total


def token_classification(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    """Word by word, at its first token, and tag by tag."""
    task, model, data = objective.task, objective.model, objective.data
    ids, real = batch.tensors["ids"], batch.tensors["real"]
    scores = model(input_ids=ids, attention_mask=_attention(model, ids, real)[1]).logits
    first = 0 if model.config.model_type == "t5" else 1
    words, classes = data.tags("train"), list(data.classes)
    known = words.tags.tolist()
    total = torch.zeros(())
    for logs, row in zip(scores.log_softmax(2), rows.tolist(), strict=True):
        document = _document_of(data, row)
        for word in range(*words.offsets[document : document + 2].tolist()):
            place = int(words.tokens[word]) + first
            if words.tokens[word] < 0 or words.tokens[word] >= objective.sequence_length - 2:
                continue
            tag = int(words.tags[word])
            even = task.label_smoothing / len(classes)
            for number, log in enumerate(logs[place]):
                weight = 1.0
                if task.class_weights == "balanced":
                    weight = len(known) / (len(set(known)) * max(1, known.count(number)))
                elif task.class_weights != "none":
                    weight = task.class_weights.get(classes[number], 1.0)
                total = total - weight * (even + (1 - task.label_smoothing) * (number == tag)) * log
    return total


def _document_of(data: Any, row: list[int]) -> int:
    """The document of which a row has the tokens; no two documents are equal."""
    special = {data.special_ids.pad, data.special_ids.cls, data.special_ids.sep}
    tokens = [token for token in row if token not in special]
    ids, offsets = data.tokens("train").tolist(), data.offsets("train").tolist()
    return next(
        number
        for number, start in enumerate(offsets[:-1])
        if ids[start : start + len(tokens)] == tokens
        and len(tokens) >= min(offsets[number + 1] - start - 1, len(row) - 2)
    )


def _attention(model: Any, ids: Tensor, real: Tensor) -> tuple[Tensor, Any]:
    """Which token attends to which, (B, 1, L, L), and the same as the network takes it."""
    causal = "gpt2" in model.config.model_type or "llama" in model.config.model_type
    mask = real[:, None, None, :] | torch.eye(ids.shape[1], dtype=torch.bool)
    mask = mask.tril() if causal else mask
    if model.config.model_type == "modernbert":
        return mask, {"full_attention": mask, "sliding_attention": mask}  # rows are shorter than its window
    return mask, mask
