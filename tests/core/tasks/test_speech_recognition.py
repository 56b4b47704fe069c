"""Speech recognition: what opens a checkpoint, what a run learns, error rates, and resuming to the bit."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoProcessor, pipeline

from core.checkpoints.writer import copy_to_host
from core.data import DataError, data_files, prepare_for
from core.evaluation.transcription import error_rates
from core.prediction.dataless import described_data
from core.spec.estimate import estimate
from core.spec.problems import SpecError, validate
from core.spec.start_rules import misfits
from core.tasks.objectives import create_objective
from core.tasks.speech_recognition.characters import Vocabulary, frames_needed, normalized
from core.tasks.speech_recognition.spec import SpeechRecognition
from tests.core.conftest import AUDIO_TASKS, spoken
from tests.core.training.interruptions import hashes, killed_at_three_random_steps, points

RATE = 8000
TASK = {
    "kind": "speech_recognition",
    "feature_encoder": {"kernels": [16, 8, 4], "strides": [8, 5, 4], "channels": 32},
    "position_kernel": 8,
    "max_seconds": 1.0,
    "freeze_feature_encoder": False,
    "mask_share": 0.0,
}


@pytest.fixture
def speech_spec(audio_spec: dict[str, Any]) -> dict[str, Any]:
    audio = {"sampling_rate": RATE, "group_pattern": "/(?P<group>[a-z])_"}
    return audio_spec | {"task": dict(TASK), "data": {"audio": audio}}


def job(spec: dict[str, Any], **changes: Any) -> dict[str, Any]:
    found = dict(spec)
    for part, values in changes.items():
        found[part] = found.get(part, {}) | values
    return found


def made(document: dict[str, Any], recordings: Path, cache: Path) -> tuple[Any, Any]:
    spec = validate(document)
    data = prepare_for(spec, data_files([recordings], "audio"), cache)
    return spec, create_objective(spec, data)


def test_it_learns_tones_as_letters(
    speech_spec: dict[str, Any], pretrain: Any, tones: Path, tmp_path: Path
) -> None:
    training = {
        "steps": 220,
        "batch_size": 16,
        "accumulation_steps": 1,
        "optimizer": {"learning_rate": 0.004},
        "schedule": {"kind": "cosine", "warmup_steps": 20},
        "evaluate_every": 110,
        "evaluation_sequences": 40,
        "checkpoint_every": None,
    }
    engine = pretrain(job(speech_spec, training=training), tmp_path / "out", data=tones, threads=2)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    values = engine.of("finished")[0]["values"]
    assert values["eval/cer"] < 0.1, values
    assert values["eval/wer"] < 0.3, values
    assert engine.of("prepared")[0]["with_transcript"] == 160
    shown = max((tmp_path / "out" / "samples").rglob("*.txt")).read_text()
    assert re.search(r"reference   [abc ]+\nhypothesis  [abc ]+", shown)


def test_a_checkpoint_transcribes_in_a_pipeline_as_in_training(
    speech_spec: dict[str, Any], tones: Path, cache: Path, tmp_path: Path
) -> None:
    spec, objective = made(speech_spec, tones, cache)
    samples = objective.samples("train")
    optimizer = torch.optim.Adam([p for p in objective.parameters() if p.requires_grad], lr=0.004)
    for step in range(60):
        ids = np.arange(16) + step % 6 * 16
        optimizer.zero_grad()
        batch = objective.collate(samples.rows(ids), ids, step)
        (objective(batch).total / batch.count).backward()
        optimizer.step()
    objective.eval()
    objective.export(tmp_path, copy_to_host(objective.state_dict()))
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == ["Wav2Vec2ForCTC"]
    transcribe = pipeline("automatic-speech-recognition", str(tmp_path))
    held_out = objective.samples("held_out")
    with torch.no_grad():
        together = objective.transcribe(held_out.rows(np.arange(12)))
    waves = [row["pcm"][: row["length"]].astype(np.float32) / 32767 for row in held_out.rows(np.arange(12))]
    alone = [transcribe({"raw": wave, "sampling_rate": RATE})["text"] for wave in waves]
    assert any(together), "the network says something"
    assert alone == together
    assert AutoProcessor.from_pretrained(tmp_path).tokenizer("ab c").input_ids == [3, 4, 2, 5]

    directory = tmp_path / "dataless"
    directory.mkdir()
    again = create_objective(spec, described_data(spec, tmp_path, directory))
    again.open(tmp_path)
    again.eval()
    with torch.no_grad():
        assert again.transcribe(held_out.rows(np.arange(12))) == together


def test_a_run_killed_at_three_random_steps_ends_in_the_straight_runs_bits(
    speech_spec: dict[str, Any], pretrain: Any, tones: Path, tmp_path: Path
) -> None:
    augmentation = {"gain_db": 6.0, "noise_snr_db": [5.0, 20.0], "speed": 0.1, "time_mask": 0.2}
    task = {
        "augmentation": augmentation,
        "head_dropout": 0.2,
        "mask_share": 0.3,
        "mask_length": 2,
        "channel_mask_share": 0.2,
        "channel_mask_length": 4,
        "freeze_feature_encoder": True,
    }
    spec = job(speech_spec, task=task)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    first = pretrain(spec, straight, data=tones)
    assert first.end() == {"exit": 0}, first.log.read_text()
    assert first.of("prepared")[0]["groups_held_out"] == 1, "speakers are held out"
    killed_at_three_random_steps(pretrain, spec, broken, data=tones)
    assert hashes(broken, 8) == hashes(straight, 8)
    assert points(broken) == points(straight)


@pytest.mark.parametrize("freeze", [True, False])
@pytest.mark.parametrize("mask_share", [0.0, 0.1])
def test_parameters_are_counted_without_the_network(
    *, freeze: bool, mask_share: float, speech_spec: dict[str, Any], tones: Path, cache: Path
) -> None:
    document = job(speech_spec, task={"freeze_feature_encoder": freeze, "mask_share": mask_share})
    spec, objective = made(document, tones, cache)
    outputs = len(objective.vocabulary)
    assert estimate(spec, classes=outputs).parameters == objective.parameter_count


def test_the_loss_is_that_of_transformers(speech_spec: dict[str, Any], tones: Path, cache: Path) -> None:
    _, objective = made(speech_spec, tones, cache)
    objective.eval()
    samples, ids = objective.samples("train"), np.arange(6)
    batch = objective.collate(samples.rows(ids), ids, 1)
    total = objective(batch).total.item()
    expected = 0.0
    for number, row in enumerate(samples.rows(ids)):
        wave = torch.from_numpy(row["pcm"][: row["length"]].astype(np.float32) / 32767)
        wave = (wave - wave.mean()) / (wave.var(correction=0) + 1e-7).sqrt()
        labels = torch.from_numpy(objective.vocabulary.encode(samples.texts[number]))
        objective.model.config.ctc_loss_reduction = "sum"
        expected += objective.model(wave[None], labels=labels[None]).loss.item()
    assert total == pytest.approx(expected, rel=1e-5), "padding of a batch changes nothing"


def test_recordings_that_cannot_be_learned_are_left_out_and_told(
    speech_spec: dict[str, Any], pretrain: Any, cache: Path, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    path = tmp_path / "some.zip"
    rows = ["file,text"]
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(40):
            text = "ab" if number < 36 else "abcabcabcabcabcabc"
            archive.writestr(f"r{number}.wav", spoken("ab" if number < 38 else text, random))
            rows.append(f"r{number}.wav,{text * (60 if number == 37 else 1)}")
        archive.writestr("metadata.csv", "\n".join(rows))
    document = job(speech_spec, data={"audio": {"sampling_rate": RATE}}, training={"steps": 2})
    _, objective = made(document, path, cache)
    left_out = {concern.code: concern.params for concern in objective.notices()}
    assert (
        left_out["recordings_too_long"]["recordings"]
        + (40 - 2 - len(objective.samples("train")) - len(objective.samples("held_out")))
        >= 2
    )
    assert objective._train.unfit >= 1, "a transcript longer than its frames"
    engine = pretrain(document, tmp_path / "out", data=path)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert {event["code"] for event in engine.of("warning")} >= {
        "recordings_too_long",
        "transcripts_too_long",
    }
    losses = [value for event in engine.of("metrics") for value in event["values"].values()]
    assert np.isfinite(losses).all()


def test_error_rates_equal_a_count_by_hand() -> None:
    # kitten → sitting: two replaced and one added; "the" missing, "on" for "in".
    assert error_rates(["kitten"], ["sitting"])["cer"] == pytest.approx(3 / 7)
    rates = error_rates(["cat on hat", "", "yes yes"], ["the cat in hat", "no", "yes"])
    assert rates["wer"] == pytest.approx((2 + 1 + 1) / 6)
    assert error_rates(["a b"], ["a b"]) == {"wer": 0.0, "cer": 0.0}


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        ("Don\u2019t \u2018quote\u2019 me!", {}, "don't quote me"),
        ("Don't", {"keep_apostrophes": False}, "dont"),
        ("Twenty-One, U.S. $5", {}, "twenty one u s 5"),
        ("Cafe\u0301  \n Noël", {}, "caf\u00e9 noël"),
        ("Hello, World | x", {"keep_punctuation": True, "lowercase": False}, "Hello, World x"),
        ("हिन्दी में", {}, "हिन्दी में"),
        ("...", {}, ""),
    ],
)
def test_transcripts_are_normalised(text: str, changes: dict[str, Any], expected: str) -> None:
    assert normalized(text, SpeechRecognition(**changes)) == expected


def test_decoding_merges_repeats_and_drops_blanks() -> None:
    vocabulary = Vocabulary.of(["ab c"])
    a, b, c, word = 3, 4, 5, 2
    assert vocabulary.tokens == ("[PAD]", "[UNK]", "|", "a", "b", "c")
    assert vocabulary.decode([word, 0, a, a, 0, a, b, word, word, c, 0, word]) == "aab c"
    assert vocabulary.encode("a cx").tolist() == [a, word, c, 1]
    assert frames_needed(np.array([3, 3, 4])) == 4


def test_an_encoder_of_another_modality_is_refused(speech_spec: dict[str, Any]) -> None:
    spec = validate(speech_spec)
    before = validate({"name": "images", "task": {"kind": "masked_autoencoder"}, "training": {"steps": 1}})
    (misfit,) = misfits(spec, before, scope="encoder", step=1)
    assert (misfit.param, misfit.code) == ("task.kind", "fixed_by_checkpoint")
    other = {"kind": "masked_spectrogram", "mel_bins": 16, "patch_size": 4}
    (misfit,) = misfits(spec, validate(speech_spec | {"task": other}), scope="encoder", step=1)
    assert misfit.param == "model.architecture"
    fitting = {**AUDIO_TASKS["wav2vec2"], "feature_encoder": TASK["feature_encoder"]}
    assert not misfits(spec, validate(speech_spec | {"task": fitting}), scope="encoder", step=1)


def test_settings_that_fit_no_network_are_refused(speech_spec: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="max_seconds has"):
        validate(job(speech_spec, task={"max_seconds": 0.001}))
    with pytest.raises(SpecError, match="does not train"):
        validate(speech_spec | {"model": {"preset": "ast-tiny"}})
    audio = {"audio": {"sampling_rate": RATE, "transcripts": True}}
    with pytest.raises(SpecError, match="reads no transcripts"):
        validate(speech_spec | {"task": AUDIO_TASKS["wav2vec2"], "data": audio})


def test_missing_transcripts_are_refused_or_left_out(
    speech_spec: dict[str, Any], cache: Path, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    path = tmp_path / "some.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(30):
            archive.writestr(f"r{number}.wav", spoken("ab", random))
        archive.writestr("text.csv", "file,text\n" + "".join(f"r{number}.wav,ab\n" for number in range(20)))
    document = job(speech_spec, data={"audio": {"sampling_rate": RATE}})
    said = r"recordings of the training split have no transcript; the first of the dataset are some\.zip/r20\.wav, some"
    with pytest.raises(DataError, match=said) as refused:
        made(document, path, cache)
    assert refused.value.code == "labels_missing"
    with pytest.raises(DataError, match=r"some\.zip/r20\.wav"):
        made(document, path, cache)  # as they were prepared before
    _, objective = made(job(document, data={"on_missing_label": "skip"}), path, cache)
    assert len(objective.samples("train")) + len(objective.samples("held_out")) == 20
