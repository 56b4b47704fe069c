"""Log-mel spectrograms in tensors: the values of ``ASTFeatureExtractor``, for a whole batch and on any device.

Frames of 25 ms (400 samples at 16 kHz) begin every 10 ms (160). From each frame its mean is subtracted, high frequencies are
raised (pre-emphasis 0.97), and it is multiplied by a Hann window. The power of its spectrum (512 points) is summed in triangles
that are evenly spaced on the mel scale (Stevens, Volkmann and Newman 1937; with the constants of Kaldi).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.spec.architectures.ast import FRAME_LENGTH, FRAME_STEP

FFT_POINTS = 512
LOWEST_HZ = 20.0
PRE_EMPHASIS = 0.97
FLOOR = 1.192092955078125e-07
"""Lower limit of a band's power: the machine epsilon of fp32."""


def mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mel scale: 1127 ln(1 + f / 700)."""
    scale: NDArray[np.float64] = 1127.0 * np.log1p(hertz / 700.0)
    return scale


def mel_filters(bins: int, sampling_rate: int) -> NDArray[np.float64]:
    """Weights of each of the 257 frequencies of the spectrum in each band, shape (257, bins).

    Band b is a triangle over the mel scale: 0 at m[b] and m[b + 2], 1 at m[b + 1], where m are ``bins + 2`` points evenly
    spaced from 20 Hz to half the sampling rate.
    """
    lines = mel(np.arange(FFT_POINTS // 2 + 1) * sampling_rate / FFT_POINTS)[:, None]
    low, high = mel(np.array([LOWEST_HZ, float(sampling_rate // 2)]))
    points = np.linspace(low, high, bins + 2)
    rising = (lines - points[:-2]) / (points[1:-1] - points[:-2])
    falling = (points[2:] - lines) / (points[2:] - points[1:-1])
    weights: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return weights


class LogMel(nn.Module):
    """Recordings to spectrograms.

    Args:
        bins: Number of mel bands.
        frames: Number of frames of every spectrogram. That of a shorter recording is padded with 0 before normalisation.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, bins: int, sampling_rate: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        window = torch.from_numpy(np.hanning(FRAME_LENGTH)).float()
        filters = torch.from_numpy(mel_filters(bins, sampling_rate)).float()
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("filters", filters, persistent=False)

    def count(self, lengths: Tensor) -> Tensor:
        """Number of whole frames in recordings of the given numbers of samples; at least one."""
        return ((lengths - FRAME_LENGTH) // FRAME_STEP + 1).clamp(1, self.frames)

    def forward(self, waves: Tensor, lengths: Tensor) -> Tensor:
        """Spectrograms of recordings (B, L) of ``lengths`` (B,) samples: shape (B, frames, bins), natural logarithms.

        A frame that contains silence after the recording does not count, except in a recording shorter than one frame.
        """
        needed = FRAME_LENGTH + (self.frames - 1) * FRAME_STEP
        with torch.autocast(waves.device.type, enabled=False):
            missing = max(0, needed - waves.shape[1])
            waves = nn.functional.pad(waves.float(), (0, missing))[:, :needed]
            frames = waves.unfold(1, FRAME_LENGTH, FRAME_STEP)
            frames = frames - frames.mean(dim=-1, keepdim=True)
            before = torch.cat([frames[..., :1], frames[..., :-1]], dim=-1)
            frames = (frames - PRE_EMPHASIS * before) * self.window
            spectrum = torch.fft.rfft(frames, n=FFT_POINTS)
            power = spectrum.real.square() + spectrum.imag.square()
            bands = (power @ self.filters).clamp_min(FLOOR).log()
        within = torch.arange(self.frames, device=waves.device) < self.count(lengths)[:, None]
        spectrograms: Tensor = bands * within[..., None]
        return spectrograms
