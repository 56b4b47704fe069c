"""Speech recognition: wav2vec 2.0 with a linear head over characters, and CTC. A sample is a whole recording."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2ForCTC

from core.augmentation.spans import masked_spans
from core.checkpoints.bundle import Bundle, Network, Tensors
from core.data import Prepared, Samples, SplitName
from core.data.audio import PreparedAudio
from core.data.audio.transcribed import TranscribedSamples
from core.evaluation.outcomes.base import Outcomes
from core.evaluation.outcomes.transcripts import TranscriptOutcomes
from core.networks.audio_encoder import WaveEncoder
from core.networks.encoder import Encoder
from core.networks.settings import as_configured
from core.networks.speech_recognizer import create_recognizer, ctc_loss, ctc_losses, frame_scores
from core.networks.wav2vec2 import wav2vec2_config
from core.objectives.audio import CHECKPOINT_ADVICE, is_audio
from core.objectives.base import Batch, Concern, Losses, Shown, chunks, objective_for
from core.objectives.predictions import Answering, Asked, Predictor
from core.objectives.supervised import Supervised
from core.objectives.waves import WaveObjective
from core.randomness import derive_seed
from core.spec.job import JobSpec
from core.spec.predictions import TRANSCRIBE
from core.tasks.speech_recognition.characters import Vocabulary, frames_needed, normalized
from core.tasks.speech_recognition.spec import SpeechRecognition

_SHOWN = 12
MASK_VECTOR = "masked_spec_embed"
_HF_MASK_SHARE = 0.05


@objective_for(SpeechRecognition)
class SpeechRecognizer(Supervised, WaveObjective):
    """The task on wav2vec 2.0."""

    model: Wav2Vec2ForCTC

    def __init__(self, job: JobSpec, task: SpeechRecognition, data: PreparedAudio) -> None:
        WaveObjective.__init__(self, job, data, task.augmentation, task.feature_encoder)
        self.task = task
        self._missing = job.data.on_missing_label
        facts = data.transcript_facts
        alphabet = facts.alphabet if facts is not None else ()
        if alphabet:
            self.vocabulary = Vocabulary(alphabet)
        if facts is None or facts.with_transcript or not alphabet:
            self._train, self._held_out = self._transcribed("train"), self._transcribed("held_out")
            if not alphabet:
                self.vocabulary = Vocabulary.of(self._train.texts)
            self._targets = [self.vocabulary.encode(text) for text in self._train.texts]
        self.model = create_recognizer(
            self._config(job),
            job.training.seed,
            freezes_convolutions=task.freeze_feature_encoder,
            masks=task.mask_share > 0,
        )

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(job.task, SpeechRecognition)
        assert is_audio(data)
        return cls(job, job.task, data)

    def samples(self, split: SplitName) -> Samples:
        return self._train if split == "train" else self._held_out

    def read_from(self, data: Prepared) -> None:
        super().read_from(data)
        self._train, self._held_out = self._transcribed("train"), self._transcribed("held_out")

    def also_learn(self, other: Self, samples: NDArray[np.int64]) -> None:
        texts = other._train.texts
        self._targets += [self.vocabulary.encode(texts[sample]) for sample in samples]

    def notices(self) -> Sequence[Concern]:
        found = []
        for name, samples in (("training", self._train), ("held-out", self._held_out)):
            if samples.too_long:
                found.append(
                    Concern(
                        "recordings_too_long",
                        f"{samples.too_long:,} recordings of the {name} split are longer than task.max_seconds "
                        f"({self.task.max_seconds:g}) and are left out.",
                        {"split": name, "recordings": samples.too_long, "seconds": self.task.max_seconds},
                    )
                )
            if samples.unfit:
                found.append(
                    Concern(
                        "transcripts_too_long",
                        f"{samples.unfit:,} recordings of the {name} split are left out, because their transcripts have more "
                        "characters than they have frames: check that transcripts and recordings belong together, or choose "
                        "task.feature_encoder with smaller strides.",
                        {"split": name, "recordings": samples.unfit},
                    )
                )
        return found

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        task = self.task
        tensors, lengths = self.clips(rows, samples, key, self.augmentation)
        frames = self.frames_of(lengths)
        targets = self._padded([self._targets[sample] for sample in samples])
        tensors |= {"frames": torch.from_numpy(frames), **targets}
        if task.mask_share:
            masked = masked_spans(
                derive_seed(key, "frames"),
                samples,
                frames,
                int(frames.max()),
                start_probability=task.mask_share / task.mask_length,
                length=task.mask_length,
                least=0,
            )
            tensors["masked"] = torch.from_numpy(masked)
        if task.channel_mask_share:
            width = int(self.model.config.hidden_size)
            silenced = masked_spans(
                derive_seed(key, "channels"),
                samples,
                np.full(len(samples), width),
                width,
                start_probability=task.channel_mask_share / task.channel_mask_length,
                length=task.channel_mask_length,
                least=0,
            )
            tensors["silenced"] = torch.from_numpy(silenced)
        count = max(1, int(targets["target_lengths"].sum()))
        return Batch(tensors, count=count, samples=len(rows), tokens=int(frames.sum()))

    def compute(self, batch: Batch) -> None:
        self._batch_scores(batch)

    def forward(self, batch: Batch) -> Losses:
        tensors = batch.tensors
        total = ctc_loss(
            self._batch_scores(batch),
            tensors["frames"],
            tensors["targets"],
            tensors["target_lengths"],
            blank=self.vocabulary.blank,
        )
        return Losses(total, {})

    def _batch_scores(self, batch: Batch) -> Tensor:
        tensors = batch.tensors
        return self._scores(
            self.waves(batch),
            tensors["lengths"],
            tensors["frames"],
            tensors.get("masked"),
            tensors.get("silenced"),
        )

    def scores(self, rows: NDArray[Any]) -> Tensor:
        tensors, lengths = self.clips(rows, np.arange(len(rows)), 0, None)
        frames = torch.from_numpy(self.frames_of(lengths)).to(self.device)
        return self._scores(tensors["waves"].to(self.device), tensors["lengths"].to(self.device), frames)

    def outcomes(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> Outcomes:
        texts = cast(TranscribedSamples, samples).texts
        losses: list[Tensor] = []
        terms: list[int] = []
        hypotheses: list[str] = []
        for chunk in chunks(indices, batch_size):
            rows = samples.rows(chunk)
            scores, frames = self.scores(rows), self._frames(rows)
            targets = [self.vocabulary.encode(texts[index]) for index in chunk]
            padded = self._padded(targets)
            losses.append(
                ctc_losses(
                    scores,
                    torch.from_numpy(frames),
                    padded["targets"],
                    padded["target_lengths"],
                    blank=self.vocabulary.blank,
                )
            )
            # A target that is longer than its frames allow has no likelihood.
            terms += [
                len(one) if frames_needed(one) <= there else 0
                for one, there in zip(targets, frames, strict=True)
            ]
            decoded = self._decoded(scores, frames)
            # Transcripts are compared without capitals, which such a vocabulary has alone.
            folds = self.task.lowercase and self.vocabulary.is_upper
            hypotheses += [text.lower() for text in decoded] if folds else decoded
        return TranscriptOutcomes(
            hypotheses,
            [texts[index] for index in indices],
            torch.cat([torch.empty(0), *losses]).double().numpy(),
            np.array(terms, np.int64),
        )

    def show(self, samples: Samples, indices: NDArray[np.int64]) -> Sequence[Shown]:
        texts, chosen = cast(TranscribedSamples, samples).texts, indices[:_SHOWN]
        lines = [
            f"reference   {texts[index]}\nhypothesis  {hypothesis}\n"
            for index, hypothesis in zip(chosen, self.transcribe(samples.rows(chosen)), strict=True)
        ]
        return [Shown("transcripts", "text/plain", "\n".join(lines).encode())]

    def transcribe(self, rows: NDArray[Any]) -> list[str]:
        """The most probable character of each frame, as text, for each recording."""
        return self._decoded(self.scores(rows), self._frames(rows))

    @property
    def learned_encoder(self) -> Encoder:
        return WaveEncoder(self.model)

    @property
    def layers(self) -> Sequence[nn.Module]:
        return [self.model.wav2vec2.feature_projection, *self.learned_encoder.blocks]

    @property
    def bundle(self) -> Bundle:
        network = Network("model.", self.model, write_beside=self._save_processor)
        return Bundle([network], tensors=[Tensors(may_be_absent=True)], advice=CHECKPOINT_ADVICE)

    def compile_networks(self) -> None:
        self.model.wav2vec2.encoder.compile(dynamic=True)

    @property
    def predictors(self) -> Mapping[str, Predictor]:
        return {TRANSCRIBE.kind: self._answer}

    def _answer(self, asked: Asked) -> Answering:
        assert asked.rows is not None
        yield None
        return {"kind": "text", "text": self.transcribe(asked.rows)[0]}

    def _save_processor(self, directory: Path) -> None:
        self.save_preprocessor(directory)
        self.vocabulary.save(directory)

    def start_from_published(self, directory: Path) -> list[str]:
        # The vector in place of masked frames is in a recogniser only if its own training masked some; nothing but training reads it.
        return [name for name in super().start_from_published(directory) if not name.endswith(MASK_VECTOR)]

    def _transcribed(self, split: SplitName) -> TranscribedSamples:
        return TranscribedSamples(
            self.data,
            split,
            self.clip,
            missing=self._missing,
            normalize=lambda text: normalized(text, self.task),
            # Word and character error rates need no alignment, so held-out recordings stay.
            fits=self._fits if split == "train" else None,
        )

    def _fits(self, text: str, length: int) -> bool:
        # Only equality of adjacent characters matters, which any numbering keeps.
        characters = np.fromiter(map(ord, text), np.int64, len(text))
        return frames_needed(characters) <= self.convolutions.frames(length)

    def _config(self, job: JobSpec) -> Any:
        task = self.task
        heads = {
            "final_dropout": task.head_dropout,
            "vocab_size": len(self.vocabulary),
            "pad_token_id": self.vocabulary.blank,
            "bos_token_id": None,
            "eos_token_id": None,
            "ctc_loss_reduction": "mean",
            "ctc_zero_infinity": True,
            "apply_spec_augment": task.mask_share > 0 or task.channel_mask_share > 0,
            # The network of `transformers` has the vector of masked frames only if this is above 0.
            "mask_time_prob": task.mask_share or _HF_MASK_SHARE,
            "mask_time_length": task.mask_length,
            "mask_feature_prob": task.channel_mask_share,
            "mask_feature_length": task.channel_mask_length,
        }
        config = wav2vec2_config(
            job.size,
            task.feature_encoder,
            position_kernel=task.position_kernel,
            dropout=job.dropout,
            **heads,
        )
        return as_configured(job, config, *heads)

    def _scores(
        self,
        waves: Tensor,
        lengths: Tensor,
        frames: Tensor,
        masked: Tensor | None = None,
        silenced: Tensor | None = None,
    ) -> Tensor:
        """Logits of as many frames as the longest recording has, shape (B, T, outputs)."""
        # Cut to the longest recording after its mean and variance are known: the end that no frame reads counts for them.
        convolutions = self.convolutions
        longest = (int(frames.max()) - 1) * convolutions.stride + convolutions.field
        return frame_scores(
            self.model, self.standardized(waves, lengths)[:, :longest].contiguous(), frames, masked, silenced
        )

    def _frames(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        return self.frames_of(np.minimum(rows["length"].astype(np.int64), self.clip))

    def _decoded(self, scores: Tensor, frames: NDArray[np.int64]) -> list[str]:
        outputs = scores.argmax(dim=2).cpu().numpy()
        return [
            self.vocabulary.decode(row[:count].tolist()) for row, count in zip(outputs, frames, strict=True)
        ]

    @staticmethod
    def _padded(targets: Sequence[NDArray[np.int64]]) -> dict[str, Tensor]:
        lengths = np.array([len(one) for one in targets], dtype=np.int64)
        padded = np.zeros((len(targets), max(1, int(lengths.max(initial=0)))), dtype=np.int64)
        for row, one in zip(padded, targets, strict=True):
            row[: len(one)] = one
        return {"targets": torch.from_numpy(padded), "target_lengths": torch.from_numpy(lengths)}
