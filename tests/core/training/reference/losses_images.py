"""The image tasks' losses, image by image or term by term where their networks allow it."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from core.augmentation import views
from core.augmentation.adaptive import augment
from core.tasks.colorization.lab import rgb_to_lab
from core.tasks.colorization.palette import palette


def normalised(objective: Any, pixels: Tensor) -> Tensor:
    """Pixels in 0 … 1, (B, C, H, W), by the training split's mean and deviation."""
    mean, std = (torch.tensor(one)[:, None, None] for one in (objective.data.mean, objective.data.std))
    return (pixels - mean) / std


def pixels_of(rows: Tensor) -> Tensor:
    return rows.permute(0, 3, 1, 2).float() / 255


def cropped(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    drawn = {name[5:]: tensor for name, tensor in batch.tensors.items() if name.startswith("view/")}
    assert drawn, "a job with crops"
    return normalised(objective, views(rows, drawn, objective._crops._spec))


def features(encoder: Any, pixels: Tensor, pooling: str = "mean", **options: Any) -> Tensor:
    output = encoder(pixel_values=pixels, **options)
    if "ResNet" in type(encoder).__name__:
        return output.pooler_output.flatten(1)
    tokens = output.last_hidden_state
    return tokens[:, 0] if pooling == "cls" else tokens[:, 1:].mean(1)


def rotation(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    turned = torch.cat([torch.rot90(rows, turns, (1, 2)) for turns in range(4)])
    scores = objective.head(features(objective.encoder, normalised(objective, pixels_of(turned))))
    truth = [turns for turns in range(4) for _ in rows]
    return -sum(score.log_softmax(0)[turns] for score, turns in zip(scores, truth, strict=True))


def masked_autoencoder(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    """`transformers`' own loss is the mean over the removed patches."""
    pixels = cropped(objective, batch, rows)
    output = objective.model(pixels, noise=batch.tensors["noise"])
    assert output.mask.sum() == batch.count
    return output.loss * batch.count


def joint_embedding_prediction(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    """Each image and each block by itself, without padding; targets with mean 0 and variance 1 over their features."""
    total, t = torch.zeros(()), batch.tensors
    pixels, predictor = cropped(objective, batch, rows), objective.predictor
    for number in range(len(rows)):
        image = pixels[number : number + 1]
        shown = t["context"][number][t["present"][number]]
        with torch.no_grad():
            truth = objective.encoder(image).last_hidden_state[0]
            truth = truth - truth.mean(1, keepdim=True)
            truth = truth / (truth.square().mean(1, keepdim=True) + 1e-5).sqrt()
        hidden = objective.student.embeddings(image)[:, shown]
        for layer in objective.student.layers:
            hidden = layer(hidden)
        context = objective.student.layernorm(hidden)
        for block in t["targets"][number]:
            seen = predictor.embed(context) + predictor.positions[shown]
            hidden = torch.cat([seen, (predictor.mask_token + predictor.positions[block])[None]], 1)
            for layer in predictor.layers:
                hidden = layer(hidden)
            guess = predictor.project(predictor.norm(hidden))[0, len(shown) :]
            total = total + (guess - truth[block]).square().mean(1).sum()
    return total


def drawn_views(
    objective: Any, batch: Any, rows: Tensor, kind: str, maker: Any, prefix: str | None = None
) -> Tensor:
    if prefix is None:
        prefix = f"{kind}." if kind else ""
    drawn = {
        name.removeprefix(prefix): tensor
        for name, tensor in batch.tensors.items()
        if name.startswith(prefix) and "images" not in name
    }
    return normalised(objective, views(rows, drawn, maker.spec, size=maker.size))


def contrastive(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    pixels = drawn_views(objective, batch, rows, "", objective.views)
    projected = objective.head(features(objective.encoder, pixels))
    unit = projected / projected.norm(dim=1, keepdim=True)
    count, total = len(unit) // 2, torch.zeros(())
    for own in range(2 * count):
        others = [other for other in range(2 * count) if other != own]
        cosines = torch.stack([unit[own] @ unit[other] for other in others]) / objective.task.temperature
        total = total - cosines.log_softmax(0)[others.index((own + count) % (2 * count))]
    return total


def colorization(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    lab = rgb_to_lab(pixels_of(rows))
    coarse = lab[:, 1:].unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).mean(dim=(3, 5))
    lightness = (lab[:, :1] / 100 - objective.light[0]) / objective.light[1]
    scores = objective.decoder(objective.encoder(lightness).last_hidden_state)
    logs, truth = scores.log_softmax(1).movedim(1, -1).flatten(0, 2), coarse.movedim(1, -1).flatten(0, 2)
    distances = torch.cdist(truth, palette(), compute_mode="donot_use_mm_for_euclid_dist").square()
    nearest, cells = distances.topk(5, largest=False)
    share = torch.exp(-nearest / 50) / torch.exp(-nearest / 50).sum(1, keepdim=True)
    return -((share * logs.gather(1, cells)).sum(1) * objective.weights[cells[:, 0]]).sum()


def denoising_autoencoder(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    clean = normalised(objective, pixels_of(rows))
    maps = objective.encoder(clean + batch.tensors["noise"]).last_hidden_state
    code = objective.to_code(maps.flatten(1))
    wide = objective.from_code(functional.gelu(code)).unflatten(1, (-1, maps.shape[2], maps.shape[3]))
    rebuilt = objective.decoder(wide)
    return sum((one - other).square().mean() for one, other in zip(rebuilt, clean, strict=True))


def image_classification(objective: Any, batch: Any, rows: Tensor) -> Tensor:
    """The probabilities of the right classes, image by image, with smoothing, weights and mixing written out."""
    task, t = objective.task, batch.tensors
    classes = list(objective.data.classes)
    known = torch.bincount(torch.from_numpy(objective.samples("train").labels), minlength=len(classes))
    weights = torch.ones(len(classes))
    if task.class_weights == "balanced":
        weights = known.sum() / (len(classes) * known)
    elif task.class_weights != "none":
        weights = torch.tensor([task.class_weights.get(name, 1.0) for name in classes])
    pixels = drawn_views(objective, batch, rows, "", objective.views, "view/")
    truth = torch.eye(len(classes))[t["labels"]]
    if task.mixup:
        share = t["mix/share"]
        others = drawn_views(objective, batch, t["mix/images"], "", objective.views, "mix/view/")
        pixels = torch.stack([a * p + (1 - a) * q for a, p, q in zip(share, pixels, others, strict=True)])
        truth = share[:, None] * truth + (1 - share)[:, None] * torch.eye(len(classes))[t["mix/labels"]]
    truth = (1 - task.label_smoothing) * truth + task.label_smoothing / len(classes)
    scores = objective.model(pixels).logits
    return -(truth * weights * scores.log_softmax(1)).sum()


def dino(objective: Any, batch: Any, rows: Tensor, step: int) -> Tensor:
    """Equations 1 to 3 (arXiv 2104.14294) with the temperature of the step, one image and one pair of crops at a time."""
    task, steps, count = objective.task, objective.steps, len(rows)
    large = torch.cat(
        [drawn_views(objective, batch, rows, kind, getattr(objective, kind)) for kind in ("first", "second")]
    )
    small = drawn_views(objective, batch, rows, "local", objective.local)
    with torch.no_grad():
        teacher = objective.teacher_head(features(objective.encoder, large, "cls"))
    seen = [
        features(objective.companion, large, "cls"),
        features(objective.companion, small, "cls", interpolate_pos_encoding=True),
    ]
    head = objective.head
    points = head.perceptron(torch.cat(seen))
    points = points / points.norm(dim=1, keepdim=True)
    rows_of_last = head.prototypes
    if step <= task.frozen_prototypes * steps:
        rows_of_last = rows_of_last.detach() + 0 * rows_of_last
    student = points @ (rows_of_last / rows_of_last.norm(dim=1, keepdim=True)).T
    warmup = task.teacher_temperature_warmup * steps
    done = min(1.0, step / warmup)
    temperature = (1 - done) * task.teacher_temperature_start + done * task.teacher_temperature
    objective.seen_by_teacher = [*getattr(objective, "seen_by_teacher", []), teacher]
    total, crops = torch.zeros(()), len(student) // count
    for image in range(count):
        for g in range(2):
            target = ((teacher[g * count + image] - objective.centre) / temperature).softmax(0)
            for v in range(crops):
                if v != g:
                    guess = (student[v * count + image] / task.student_temperature).log_softmax(0)
                    total = total - (target * guess).sum() / (2 * (crops - 1))
    return total


def byol(objective: Any, batch: Any, rows: Tensor, step: int) -> Tensor:
    both = torch.cat(
        [drawn_views(objective, batch, rows, kind, getattr(objective, kind)) for kind in ("first", "second")]
    )
    guesses = objective.predictor(objective.head(features(objective.encoder, both)))
    with torch.no_grad():
        targets = objective.teacher_head(features(objective.companion, both))
    count, total = len(rows), torch.zeros(())
    for own in range(2 * count):
        guess, target = guesses[own], targets[(own + count) % (2 * count)]
        total = total + (guess / guess.norm() - target / target.norm()).square().sum()
    return total


def discriminator(objective: Any, batch: Any, rows: Tensor, step: int) -> Tensor:
    """The first phase of a GAN: logistic for DCGAN, hinge with R1 and augmentation for the residual one."""
    t, task = batch.tensors, objective.task
    penalised = task.r1_weight > 0 and step % task.r1_every == 0
    real = (rows.permute(0, 3, 1, 2).float() / 127.5 - 1).requires_grad_(penalised)
    with torch.no_grad():
        made = objective.generator(t["discriminator.latents"])
    if task.adaptive_augmentation:
        high = objective.discriminator(augment(real, t["real.augmentation"], objective.augmentation))
        low = objective.discriminator(augment(made, t["discriminator.augmentation"], objective.augmentation))
        objective.real_scores = [*getattr(objective, "real_scores", []), *high.detach()]
        loss = (1 - high).clamp(min=0).sum() + (1 + low).clamp(min=0).sum()
    else:
        high, low = objective.discriminator(real), objective.discriminator(made)
        loss = -functional.logsigmoid(high).sum() - functional.logsigmoid(-low).sum()
    if penalised:
        (slope,) = torch.autograd.grad(high.sum(), real, create_graph=True)
        loss = loss + task.r1_weight / 2 * task.r1_every * slope.square().sum()
    return loss


def generator(objective: Any, batch: Any, rows: Tensor, step: int) -> Tensor:
    """The second phase, against the discriminator as it is after the first."""
    t = batch.tensors
    made = objective.generator(t["generator.latents"])
    if objective.task.adaptive_augmentation:
        made = augment(made, t["generator.augmentation"], objective.augmentation)
        return -objective.discriminator(made).sum()
    return -functional.logsigmoid(objective.discriminator(made)).sum()


def half_cosine(step: int, steps: int) -> float:
    """1 at step 0, 0 at the last."""
    return (1 + math.cos(math.pi * step / steps)) / 2
