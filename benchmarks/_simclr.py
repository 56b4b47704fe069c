"""A SimCLR step with two sources of views: the engine's (augmentation in tensors) and Pillow in data loader workers."""

import itertools
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from core.augmentation import Views, draw_views
from core.data import sample_indices
from core.data.image import ImageSamples
from core.randomness import derive_seed
from core.spec.augmentation import AugmentationSpec

Pair = tuple[Tensor, Tensor]


class Block(nn.Module):
    """Two 3 by 3 convolutions with a residual connection (He et al. 2015)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.around = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.first_norm(self.first(x)))
        return functional.relu(self.second_norm(self.second(inner)) + self.around(x))


def encoder(width: int, *, small_stem: bool) -> nn.Module:
    """A ResNet of eight layers with SimCLR's projection head.

    The standard stem (7 by 7, stride 2, then pooling to half the size) gives the blocks a sixteenth of the pixels that the
    small stem, meant for images of 32 by 32 pixels, gives them.
    """
    stem: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    if not small_stem:
        stem[0] = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        stem.append(nn.MaxPool2d(3, 2, 1))
    return nn.Sequential(
        *stem,
        Block(width, width, 1),
        Block(width, 2 * width, 2),
        Block(2 * width, 4 * width, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4 * width, 4 * width),
        nn.ReLU(),
        nn.Linear(4 * width, 64),
    )


def nt_xent(first: Tensor, second: Tensor, temperature: float = 0.5) -> Tensor:
    """The NT-Xent loss: Chen et al. 2020 (arXiv 2002.05709), equation 1, mean over both views."""
    features = functional.normalize(torch.cat([first, second]).float(), dim=1)
    scores = features @ features.T / temperature
    scores = scores.masked_fill(torch.eye(len(scores), dtype=torch.bool, device=scores.device), float("-inf"))
    count = len(first)
    partner = torch.cat([torch.arange(count, 2 * count), torch.arange(count)]).to(scores.device)
    return functional.cross_entropy(scores, partner)


class Trainer:
    """A network and its optimiser; each step takes two views of a batch."""

    def __init__(self, width: int, device: torch.device, *, small_stem: bool, bf16: bool) -> None:
        torch.manual_seed(0)
        self.autocast = torch.autocast(device.type, torch.bfloat16, enabled=bf16)
        self.network = encoder(width, small_stem=small_stem).to(device)
        # The type stub of Module.to lacks the memory format.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.compile()
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-3, fused=True)

    def step(self, views: Pair) -> float:
        images = torch.cat(views).contiguous(memory_format=torch.channels_last)
        with self.autocast:
            first, second = self.network(images).chunk(2)
        loss = nt_xent(first, second)
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        self.optimizer.step()
        return loss.item()


class InTensors:
    """Batches as the engine makes them: samples by index, views computed on the device."""

    def __init__(
        self, samples: ImageSamples, spec: AugmentationSpec, batch_size: int, device: torch.device
    ) -> None:
        self.samples, self.spec, self.batch_size, self.device = samples, spec, batch_size, device
        prepared = samples.prepared
        self.shape = (prepared.height, prepared.width)
        self.views = Views(spec, prepared.mean, prepared.std).to(device)
        self.views.compile()

    def __iter__(self) -> Iterator[Pair]:
        for step in itertools.count(1):
            ids = sample_indices(0, step, self.batch_size, len(self.samples))
            images = torch.from_numpy(self.samples.rows(ids)).to(self.device)
            drawn = draw_views(self.spec, ids, derive_seed(0, "batch", step), self.shape, count=2)
            both = self.views(images, {name: one.to(self.device) for name, one in drawn.items()})
            first, second = both.chunk(2)
            yield first, second


class PillowViews(Dataset[Pair]):
    """Two views of an image by Pillow's operations, equal to those of torchvision's transforms.

    Images are read from a folder of JPEG files, as ``ImageFolder`` does, or, without `folder`, kept decoded in memory.
    """

    def __init__(self, samples: ImageSamples, spec: AugmentationSpec, folder: Path | None) -> None:
        self.images = samples.rows(np.arange(len(samples)))
        self.files = [folder / f"{number}.jpg" for number in range(len(self.images))] if folder else None
        for path, image in zip(self.files or (), self.images, strict=False):
            Image.fromarray(image).save(path, "JPEG", quality=90)
        self.spec = spec
        self.mean = np.array(samples.prepared.mean, np.float32)
        self.std = np.array(samples.prepared.std, np.float32)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Pair:
        if self.files is None:
            image = Image.fromarray(self.images[index])
        else:
            with Image.open(self.files[index]) as file:
                image = file.convert("RGB")
        return self._view(image), self._view(image)

    def _view(self, image: Image.Image) -> Tensor:
        spec, chance = self.spec, random.random
        image = image.resize(image.size, Image.Resampling.BILINEAR, box=self._box(*image.size))
        if chance() < spec.flip_probability:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if chance() < spec.jitter_probability:
            image = self._jitter(image)
        if chance() < spec.grayscale_probability:
            image = image.convert("L").convert("RGB")
        if chance() < spec.blur_probability:
            image = image.filter(
                ImageFilter.GaussianBlur(random.uniform(spec.blur_min_sigma, spec.blur_max_sigma))
            )
        values: NDArray[np.float32] = np.asarray(image, np.float32) / 255.0
        return torch.from_numpy(((values - self.mean) / self.std).transpose(2, 0, 1).copy())

    def _box(self, width: int, height: int) -> tuple[int, int, int, int]:
        spec = self.spec
        for _ in range(10):
            area = width * height * random.uniform(spec.crop_min_area, spec.crop_max_area)
            ratio = math.exp(random.uniform(-1, 1) * math.log(spec.crop_max_ratio))
            wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < wide <= width and 0 < high <= height:
                left, top = random.randint(0, width - wide), random.randint(0, height - high)
                return left, top, left + wide, top + high
        return 0, 0, width, height

    def _jitter(self, image: Image.Image) -> Image.Image:
        spec = self.spec

        def factor(strength: float) -> float:
            return random.uniform(1 - strength, 1 + strength)

        image = ImageEnhance.Brightness(image).enhance(factor(spec.brightness))
        image = ImageEnhance.Contrast(image).enhance(factor(spec.contrast))
        image = ImageEnhance.Color(image).enhance(factor(spec.saturation))
        hue, saturation, value = image.convert("HSV").split()
        turn = round(255 * random.uniform(-spec.hue, spec.hue)) % 256
        hue = Image.fromarray(np.asarray(hue) + np.uint8(turn))
        return Image.merge("HSV", (hue, saturation, value)).convert("RGB")


def by_pillow(dataset: PillowViews, batch_size: int, workers: int, device: torch.device) -> Iterator[Pair]:
    """Endless batches from a `DataLoader` with worker processes."""
    options: dict[str, Any] = {"persistent_workers": True, "pin_memory": device.type == "cuda"}
    loader = DataLoader(
        dataset,
        batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        worker_init_fn=_seed_worker,
        **options,
    )
    while True:
        for first, second in loader:
            yield first.to(device, non_blocking=True), second.to(device, non_blocking=True)


def _seed_worker(number: int) -> None:
    random.seed(torch.initial_seed() + number)
    torch.set_num_threads(1)
