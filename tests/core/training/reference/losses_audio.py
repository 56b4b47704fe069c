"""The audio tasks' losses, frame by frame and patch by patch."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def wav2vec2(objective: Any, batch: Any, rows: Tensor, step: int) -> Tensor:
    """Equation 3 (arXiv 2006.11477) frame by frame, and the share of code words that are not in use."""
    t, task, model = batch.tensors, objective.task, objective.model
    network = model.wav2vec2
    waves = torch.zeros_like(t["waves"])
    for row, length in enumerate(t["lengths"].tolist()):
        own = t["waves"][row, :length]
        waves[row, :length] = (own - own.mean()) / (own.var(correction=0) + 1e-7).sqrt()
    hidden, features = network.feature_projection(network.feature_extractor(waves).transpose(1, 2))
    hidden = torch.where(t["masked"][..., None], network.masked_spec_embed, hidden)
    sound = torch.arange(hidden.shape[1]) < t["frames"][:, None]
    hidden = network.encoder(hidden, attention_mask=sound).last_hidden_state

    first, last = task.gumbel_temperature, task.gumbel_temperature_final
    temperature = first * (last / first) ** ((step - 1) / objective.steps_of_job)
    chosen = torch.cat([own[places] for own, places in zip(features, t["positions"], strict=True)])
    quantizer = model.quantizer
    scores = quantizer.weight_proj(chosen).view(len(chosen), task.codebooks, task.codewords)
    picked = functional.gumbel_softmax(scores, tau=temperature, hard=True)
    table = quantizer.codevectors.view(task.codebooks, task.codewords, -1)
    words = torch.cat([picked[:, book] @ table[book] for book in range(task.codebooks)], dim=1)
    codes, shares = picked.argmax(-1), scores.softmax(-1)
    targets, contexts = model.project_q(words), model.project_hid(hidden)

    width, total, used = t["positions"].shape[1], torch.zeros(()), []
    for row, count in enumerate(t["counts"].tolist()):
        begin = row * width
        for m in range(count):
            others = [
                n for n in t["negatives"][row, m].tolist() if not codes[begin + n].equal(codes[begin + m])
            ]
            choices = targets[[begin + m, *(begin + n for n in others)]]
            context = contexts[row, t["positions"][row, m]]
            cosines = functional.cosine_similarity(context[None], choices) / task.contrast_temperature
            total = total - cosines.log_softmax(0)[0]
            used.append(shares[begin + m])
    mean = torch.stack(used).mean(0)
    in_use = torch.exp(-(mean * mean.log()).sum(1)).sum()
    all_words = task.codebooks * task.codewords
    return total + task.diversity_weight * (all_words - in_use) / all_words * batch.count


def masked_spectrogram(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    """Patch by patch: the hidden ones with sound, each compared with its normalised values."""
    t, side, grid, model = batch.tensors, objective.task.patch_size, objective.grid, objective.model
    spectrograms = (objective.log_mel(t["waves"], t["lengths"]) - objective.mean) / (2 * objective.std)
    embedded = model.embeddings
    patches = embedded.patch_embeddings(spectrograms) + embedded.position_embeddings[:, 2:]
    special = torch.cat([embedded.cls_token, embedded.distillation_token], 1)
    special = (special + embedded.position_embeddings[:, :2]).expand(len(rows), -1, -1)
    shown = torch.stack([own[places] for own, places in zip(patches, t["visible"], strict=True)])
    hidden = embedded.dropout(torch.cat([special, shown], 1))
    for layer in model.layers:
        hidden = layer(hidden)
    predicted = objective.decoder(model.layernorm(hidden), t["ranks"])
    total = torch.zeros(())
    for row in range(len(rows)):
        frames = max(1, (int(t["lengths"][row]) - 400) // 160 + 1)
        for patch in sorted({*range(grid.patches)} - {*t["visible"][row].tolist()}):
            band, time = divmod(patch, grid.times)
            if time * side >= frames:
                continue
            block = spectrograms[row, time * side : (time + 1) * side, band * side : (band + 1) * side]
            truth = block.T.flatten()
            if objective.task.normalize_targets:
                truth = (truth - truth.mean()) / (truth.var() + 1e-6).sqrt()
            total = total + (predicted[row, patch] - truth).square().mean()
    return total


def audio_classification(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    """Clip by clip, through the forward pass of `transformers`; padding is no sound of a clip."""
    t, task, model = batch.tensors, objective.task, objective.model
    classes = list(objective.data.classes)
    weights = [1.0] * len(classes)
    if task.class_weights != "none":
        weights = [task.class_weights.get(name, 1.0) for name in classes]
    waves = objective.waves(batch)
    if "wav2vec2" in model.config.model_type:
        standard = torch.zeros_like(waves)
        for row, length in enumerate(t["lengths"].tolist()):
            own = waves[row, :length]
            standard[row, :length] = (own - own.mean()) / (own.var(correction=0) + 1e-7).sqrt()
        within = torch.arange(waves.shape[1]) < t["lengths"][:, None]
        scores = model(standard, attention_mask=within.long()).logits
    else:
        scores = model((objective.log_mel(waves, t["lengths"]) - objective.mean) / (2 * objective.std)).logits
    total, even = torch.zeros(()), task.label_smoothing / len(classes)
    for logs, label in zip(scores.log_softmax(1), t["labels"].tolist(), strict=True):
        for number, log in enumerate(logs):
            share = even + (1 - task.label_smoothing) * (number == label)
            total = total - share * weights[number] * log
    return total


def speech_recognition(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    """The forward algorithm of CTC, output by output, on the logits of `transformers`."""
    t, model = batch.tensors, objective.model
    waves = objective.waves(batch)
    standard = torch.zeros_like(waves)
    for row, length in enumerate(t["lengths"].tolist()):
        own = waves[row, :length]
        standard[row, :length] = (own - own.mean()) / (own.var(correction=0) + 1e-7).sqrt()
    width = (int(t["frames"].max()) - 1) * 160 + 16 + 8 * (8 - 1) + 40 * (4 - 1)
    within = torch.arange(width) < t["lengths"][:, None]
    hidden = model.wav2vec2(
        standard[:, :width], attention_mask=within.long(), mask_time_indices=t["masked"]
    ).last_hidden_state
    logs = model.lm_head(model.dropout(hidden)).log_softmax(2)
    total = torch.zeros(())
    for row in range(len(rows)):
        outputs = [0]
        for output in t["targets"][row, : t["target_lengths"][row]].tolist():
            outputs += [output, 0]
        before: list[Any] = [logs[row, 0, outputs[0]], logs[row, 0, outputs[1]]] + [None] * (len(outputs) - 2)
        for frame in range(1, int(t["frames"][row])):
            now: list[Any] = []
            for place, output in enumerate(outputs):
                skips = place > 1 and output not in {0, outputs[place - 2]}
                paths = (
                    before[max(0, place - 2) : place + 1] if skips else before[max(0, place - 1) : place + 1]
                )
                paths = [path for path in paths if path is not None]
                reached = torch.stack(paths).logsumexp(0) + logs[row, frame, output] if paths else None
                now.append(reached)
            before = now
        total = total - torch.logaddexp(before[-1], before[-2])
    return total
