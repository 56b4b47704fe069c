"""Admission of jobs on small datasets, with the reasons of refusals; compared with the engine."""

import io
import zipfile
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers

from control.db import WriteSession
from control.schemas import ProblemDetail
from tests.control.jobs.agreement import Upload, admitted, engine_refuses, inspected
from tests.factories import make_project

_TINY = {"layers": 1, "hidden_size": 16, "heads": 2}
_AUDIO = {
    "name": "any",
    "task": {"kind": "masked_spectrogram", "mel_bins": 16, "patch_size": 4, "decoder_layers": 1},
    "model": _TINY,
    "training": {"steps": 1, "batch_size": "auto"},
    "data": {"audio": {"sampling_rate": 8000, "clip_seconds": 0.25}},
}
_TEXT = {
    "name": "any",
    "task": {"kind": "causal_lm"},
    "model": _TINY,
    "training": {"steps": 1, "batch_size": 2, "sequence_length": 16},
}


def _errors(
    session: WriteSession, document: dict[str, Any], uploads: list[Upload], modality: str
) -> list[ProblemDetail]:
    """The errors of admission, which must equal those of the engine."""
    reports = inspected(uploads, modality)
    assert reports is not None
    answer = admitted(session, make_project(session), document, uploads, reports, modality)
    refused = engine_refuses(document, uploads, modality)
    assert answer.valid == (refused is None), f"{answer.errors}, but the engine: {refused}"
    return answer.errors


def _zip(name: str, members: dict[str, bytes]) -> Upload:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return Upload(name, out.getvalue())


def _noise(seed: int, seconds: float = 0.5) -> bytes:
    out = io.BytesIO()
    sound = np.random.default_rng(seed).normal(scale=0.1, size=int(8000 * seconds))
    soundfile.write(out, sound, 8000, format="WAV")
    return out.getvalue()


def _picture(seed: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


def _tokenizer(*words: str) -> bytes:
    vocabulary = {word: number for number, word in enumerate(("[UNK]", *words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer.to_str().encode()


def test_auto_batch_size_is_admitted_for_recordings(session: WriteSession) -> None:
    recordings = _zip("a.zip", {f"{seed}.wav": _noise(seed) for seed in range(6)})
    assert _errors(session, _AUDIO, [recordings], "audio") == []


def test_auto_batch_size_needs_two_recordings(session: WriteSession) -> None:
    [error] = _errors(session, _AUDIO, [Upload("1.wav", _noise(1))], "audio")
    assert (error.param, error.code) == ("dataset", "dataset_too_small")
    assert "two different recordings at least" in error.message


def test_auto_batch_size_is_admitted_if_recordings_are_too_many_to_be_recorded(
    session: WriteSession,
) -> None:
    recordings = [_zip("a.zip", {f"{seed}.wav": _noise(seed) for seed in range(6)})]
    reports = inspected(recordings, "audio")
    assert reports is not None
    del reports["a.zip"]["ledger"]
    assert admitted(session, make_project(session), _AUDIO, recordings, reports, "audio").valid


def test_one_long_document_is_enough_if_the_tail_is_held_out(session: WriteSession) -> None:
    document = [Upload("book.txt", b"word after word " * 500)]
    tail = {**_TEXT, "data": {"held_out": "tail", "tokenizer": {"kind": "byte"}}}
    assert _errors(session, tail, document, "text") == []


def test_one_document_is_refused_if_whole_documents_are_held_out(session: WriteSession) -> None:
    document = [Upload("book.txt", b"word after word " * 500)]
    by_hash = {**_TEXT, "data": {"held_out": "by_hash", "tokenizer": {"kind": "byte"}}}
    [error] = _errors(session, by_hash, document, "text")
    assert (error.param, error.code) == ("dataset", "dataset_too_small")
    assert "with data.held_out tail, one document is cut in two" in error.message


_IMAGES = {
    "name": "any",
    "task": {"kind": "rotation"},
    "training": {"steps": 1, "batch_size": 2},
    "data": {"image": {"size": 16}},
}
_TEST_PARTS = {
    "image": (_IMAGES, {f"{seed}.png": _picture(seed) for seed in range(8)}),
    "audio": (_AUDIO, {f"{seed}.wav": _noise(seed) for seed in range(8)}),
}


@pytest.mark.parametrize("modality", _TEST_PARTS)
@pytest.mark.parametrize(("archive", "folder"), [("test.zip", ""), ("data.zip", "test/")])
def test_a_dataset_of_a_test_split_alone_is_refused_with_the_reason(
    session: WriteSession, modality: str, archive: str, folder: str
) -> None:
    document, members = _TEST_PARTS[modality]
    upload = _zip(archive, {folder + name: content for name, content in members.items()})
    [error] = _errors(session, document, [upload], modality)
    assert (error.param, error.code) == ("dataset", "dataset_too_small")
    assert "are set aside for evaluation, by the names of their files or folders" in error.message
    assert "rename what is to be learned from" in error.message
    assert "batch_size" not in error.message


@pytest.mark.parametrize("modality", _TEST_PARTS)
def test_a_test_split_is_held_out(session: WriteSession, modality: str) -> None:
    document, members = _TEST_PARTS[modality]
    names = sorted(members)
    uploads = [
        _zip("test.zip", {name: members[name] for name in names[:2]}),
        _zip("train.zip", {name: members[name] for name in names[2:]}),
    ]
    assert _errors(session, document, uploads, modality) == []


_UPLOADED = {**_TEXT, "data": {"tokenizer": {"kind": "uploaded"}}}
_WORDS = Upload("words.txt", "\n\n".join(f"red green blue {number} " * 50 for number in range(20)).encode())


def test_an_uploaded_tokenizer_must_be_in_the_dataset(session: WriteSession) -> None:
    [error] = _errors(session, _UPLOADED, [_WORDS], "text")
    assert (error.param, error.code) == ("data.tokenizer.kind", "tokenizer_invalid")
    assert "the dataset holds no tokenizer.json" in error.message


def test_several_different_tokenizers_are_refused(session: WriteSession) -> None:
    uploads = [
        _WORDS,
        Upload("tokenizer.json", _tokenizer("red")),
        _zip("more.zip", {"1.txt": b"more", "tokenizer.json": _tokenizer("green")}),
    ]
    [error] = _errors(session, _UPLOADED, uploads, "text")
    assert (error.param, error.code) == ("data.tokenizer.kind", "tokenizer_invalid")
    assert "the dataset holds 2 different tokenizer.json files" in error.message


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_same_tokenizer_twice_counts_as_one(session: WriteSession, mark: bytes) -> None:
    tokenizer = _tokenizer("red", "green", "blue")
    uploads = [
        _WORDS,
        Upload("tokenizer.json", mark + tokenizer),
        _zip("more.zip", {"1.txt": b"more", "tokenizer.json": tokenizer}),
    ]
    assert _errors(session, _UPLOADED, uploads, "text") == []


_CLASSES = {
    "name": "any",
    "task": {"kind": "image_classification"},
    "model": {"preset": "resnet-mini", "depths": [1], "widths": [4]},
    "training": {"steps": 1, "batch_size": 2},
    "data": {"image": {"size": 8}, "held_out_fraction": 0.3},
}


def _pictures(**folders: int) -> Upload:
    """A zip with so many different pictures in each folder; those of ``root`` are in none."""
    names = [
        f"{folder}/{number}.png" if folder != "root" else f"{number}.png"
        for folder, count in folders.items()
        for number in range(count)
    ]
    return _zip("all.zip", {name: _picture(seed) for seed, name in enumerate(names)})


@pytest.mark.parametrize(
    ("folders", "param", "code", "said"),
    [
        ({"root": 12}, "dataset", "too_few_classes", "without classes"),
        ({"root": 6, "cats": 6}, "dataset", "too_few_classes", "of one class alone"),
        ({"cats": 9, "dogs": 9, "root": 3}, "data.on_missing_label", "labels_missing", "3 of the dataset's"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(
    session: WriteSession, folders: dict[str, int], param: str, code: str, said: str
) -> None:
    [error] = _errors(session, _CLASSES, [_pictures(**folders)], "image")
    assert (error.param, error.code) == (param, code)
    assert said in error.message
    pretraining = {**_CLASSES, "task": {"kind": "rotation"}}
    assert _errors(session, pretraining, [_pictures(**folders)], "image") == []


def test_samples_without_a_class_may_be_left_out(session: WriteSession) -> None:
    document = {**_CLASSES, "data": {"image": {"size": 8}, "on_missing_label": "skip"}}
    assert _errors(session, document, [_pictures(cats=9, dogs=9, root=3)], "image") == []


def test_a_weight_of_no_class_is_refused(session: WriteSession) -> None:
    document = {**_CLASSES, "task": {"kind": "image_classification", "class_weights": {"mice": 2.0}}}
    uploads = [_pictures(cats=9, dogs=9)]
    reports = inspected(uploads, "image")
    assert reports is not None
    [error] = admitted(session, make_project(session), document, uploads, reports, "image").errors
    assert (error.param, error.code) == ("task.class_weights", "unknown_class")
    assert "'cats', 'dogs'" in error.message


def test_a_class_with_one_sample_is_warned_of(session: WriteSession) -> None:
    uploads = [_pictures(cats=9, dogs=9, mice=1)]
    reports = inspected(uploads, "image")
    assert reports is not None
    answer = admitted(session, make_project(session), _CLASSES, uploads, reports, "image")
    assert answer.valid
    [warning] = [one for one in answer.warnings if one.code == "rare_classes"]
    assert "'mice'" in warning.message
