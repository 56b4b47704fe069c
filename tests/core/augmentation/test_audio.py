"""Audio augmentation compared with a slow reference, one sample and one number at a time."""

import math

import numpy as np
import pytest
import torch

from core.augmentation.audio import augment, change_speed, draw, normals
from core.randomness import derive_seed, uniforms
from core.spec.audio import AudioAugmentation

CLIP = 501
EVERYTHING = AudioAugmentation(gain_db=6.0, noise_snr_db=(5.0, 20.0), speed=0.2, time_mask=0.3)
SAMPLES = np.array([3, 99, 2**40])
LENGTHS = np.array([501, 300, 7])
MASK64 = 2**64 - 1


def waves() -> torch.Tensor:
    made = torch.from_numpy(np.random.default_rng(0).normal(size=(3, CLIP))).float()
    return made * (torch.arange(CLIP) < torch.from_numpy(LENGTHS)[:, None])


def mix(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK64
    return x ^ (x >> 31)


def slow_normals(seed: int, length: int) -> list[float]:
    pairs = -(-length // 2)
    uniform = [
        (mix((mix(seed) + n * 0x9E3779B97F4A7C15) & MASK64) >> 11) / 2**53 for n in range(1, 2 * pairs + 1)
    ]
    found = []
    for first, second in zip(uniform[:pairs], uniform[pairs:], strict=True):
        radius = math.sqrt(-2 * math.log1p(-first))
        found += [radius * math.cos(2 * math.pi * second), radius * math.sin(2 * math.pi * second)]
    return found[:length]


def slow_speed(wave: list[float], speed: float) -> list[float]:
    def at(n: int) -> float:
        return wave[n] if 0 <= n < len(wave) else 0.0

    found = []
    for n in range(len(wave)):
        whole, t = math.floor(n * speed), n * speed - math.floor(n * speed)
        if whole >= len(wave):
            found.append(0.0)
            continue
        p0, p1, p2, p3 = (at(whole + offset) for offset in (-1, 0, 1, 2))
        # The spline of Catmull and Rom by its basis.
        found.append(
            0.5
            * (
                2 * p1
                + (p2 - p0) * t
                + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
                + (3 * p1 - p0 - 3 * p2 + p3) * t**3
            )
        )
    return found


def slow(spec: AudioAugmentation, key: int, sample: int, wave: list[float], length: int) -> list[float]:
    u = uniforms(derive_seed(key, "audio"), np.array([sample]), 1, streams=6)[:, 0, 0].tolist()
    speed = 1 + spec.speed * (2 * u[0] - 1)
    wave = slow_speed(wave, speed)
    length = min(CLIP, max(1, int(length / speed)))
    wave = [x if n < length else 0.0 for n, x in enumerate(wave)]
    wave = [x * 10 ** (spec.gain_db * (2 * u[1] - 1) / 20) for x in wave]
    assert spec.noise_snr_db
    low, high = spec.noise_snr_db
    level = math.sqrt(sum(x * x for x in wave[:length]) / length) * 10 ** (-(low + (high - low) * u[2]) / 20)
    drawn = slow_normals(int(u[3] * 2**53), len(wave))
    wave = [x + drawn[n] * level if n < length else 0.0 for n, x in enumerate(wave)]
    masked = int(u[4] * (spec.time_mask * length + 1))
    begin = int(u[5] * (length - masked + 1))
    return [0.0 if begin <= n < begin + masked else x for n, x in enumerate(wave)]


@pytest.mark.parametrize("key", [1, 12345])
def test_all_changes_together_equal_the_slow_reference(key: int) -> None:
    drawn, lengths = draw(EVERYTHING, key, SAMPLES, LENGTHS, CLIP)
    found = augment(waves(), torch.from_numpy(lengths), drawn)
    for row, (sample, wave, length) in enumerate(zip(SAMPLES, waves(), LENGTHS, strict=True)):
        expected = slow(EVERYTHING, key, int(sample), wave.tolist(), int(length))
        assert found[row].numpy() == pytest.approx(np.array(expected), abs=2e-5)
        assert (found[row, lengths[row] :] == 0).all()


def test_the_augmentation_of_a_sample_does_not_depend_on_its_batch() -> None:
    together, lengths = draw(EVERYTHING, 5, SAMPLES, LENGTHS, CLIP)
    whole = augment(waves(), torch.from_numpy(lengths), together)
    for row in range(3):
        alone, length = draw(EVERYTHING, 5, SAMPLES[row : row + 1], LENGTHS[row : row + 1], CLIP)
        found = augment(waves()[row : row + 1], torch.from_numpy(length), alone)
        assert torch.equal(found[0], whole[row])


def test_nothing_is_changed_by_default() -> None:
    drawn, lengths = draw(AudioAugmentation(), 5, SAMPLES, LENGTHS, CLIP)
    assert not drawn
    assert lengths is LENGTHS
    assert torch.equal(augment(waves(), torch.from_numpy(lengths), drawn), waves())


def test_noise_is_normal_with_the_given_signal_to_noise_ratio() -> None:
    drawn = normals(torch.arange(64), 4001)
    assert drawn.shape == (64, 4001)
    assert drawn.mean().item() == pytest.approx(0.0, abs=0.01)
    assert drawn.std().item() == pytest.approx(1.0, abs=0.01)
    assert (drawn.abs() > 1.96).float().mean().item() == pytest.approx(0.05, abs=0.003)
    assert torch.corrcoef(drawn[:4]).fill_diagonal_(0).abs().max() < 0.06

    spec = AudioAugmentation(noise_snr_db=(10.0, 10.0))
    changes, lengths = draw(spec, 1, SAMPLES[:1], LENGTHS[:1], CLIP)
    noise = augment(waves()[:1], torch.from_numpy(lengths), changes) - waves()[:1]
    ratio = 10 * math.log10(waves()[0].square().mean() / noise.square().mean())
    assert ratio == pytest.approx(10.0, abs=0.5)


def test_speed_moves_a_tone() -> None:
    time = torch.arange(8000) / 8000
    tone = torch.sin(2 * math.pi * 200 * time)[None]
    faster = change_speed(tone, torch.tensor([1.25], dtype=torch.float64))[0, :6000]
    assert faster.numpy() == pytest.approx(torch.sin(2 * math.pi * 250 * time[:6000]).numpy(), abs=1e-3)
    assert torch.equal(change_speed(tone, torch.ones(1, dtype=torch.float64)), tone)


def test_drawn_numbers_fill_their_ranges() -> None:
    many = np.arange(4000)
    drawn, lengths = draw(EVERYTHING, 9, many, np.full(4000, 400), CLIP)
    assert drawn["speed"].min() == pytest.approx(0.8, abs=0.002)
    assert drawn["speed"].max() == pytest.approx(1.2, abs=0.002)
    decibels = 20 * drawn["gain"].double().log10()
    assert (decibels.min().item(), decibels.max().item()) == pytest.approx((-6.0, 6.0), abs=0.02)
    assert (drawn["mask_length"].numpy() <= 0.3 * lengths + 1).all()
    assert (drawn["mask_begin"].numpy() + drawn["mask_length"].numpy() <= lengths).all()
    assert drawn["mask_length"].min() == 0
