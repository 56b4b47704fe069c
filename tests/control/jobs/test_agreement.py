"""An accepted job can run: admission and engine agree on any job and any dataset.

Where admission can only bound (tokens of a tokenizer that is trained or uploaded, a column that was not read at the upload),
it may accept a dataset that is too small, and the engine then reports how much there is and how much is needed. It never
refuses a job that would run.

Each test draws 15 cases; ``SEEDBED_EXAMPLES=200`` in the environment draws more.
"""

import csv
import io
import json
import os
import zipfile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from hypothesis import HealthCheck, Phase, assume, event, given, note, settings
from hypothesis import strategies as st
from PIL import Image
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from control.db import WriteSession
from core.spec.needs import is_exact
from core.spec.problems import validate
from tests.control.jobs.agreement import Upload, admitted, engine_refuses, inspected
from tests.factories import make_project

_MANY = settings(
    max_examples=int(os.environ.get("SEEDBED_EXAMPLES", "15")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=set(Phase) - {Phase.explain},
)
_SIZES = st.sampled_from([0, 1, 2, 3, 5, 8, 12])
"""Lengths of lists: long ones as often as short ones."""
_TINY = {"layers": 1, "hidden_size": 16, "heads": 2}


def _training(**more: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.integers(1, 4).flatmap(
        lambda parts: st.fixed_dictionaries(
            {
                "steps": st.just(1),
                "accumulation_steps": st.just(parts),
                "batch_size": st.one_of(st.just("auto"), st.integers(1, 8).map(lambda part: part * parts)),
                **more,
            }
        )
    )


def _agree(
    session: WriteSession, document: dict[str, Any], uploads: list[Upload], modality: str, *, may_hope: bool
) -> None:
    """
    Args:
        may_hope: Whether admission may accept a dataset that the engine finds too small.
    """
    reports = inspected(uploads, modality)
    assume(reports is not None)
    assert reports is not None
    answer = admitted(session, make_project(session), document, uploads, reports, modality)
    error = engine_refuses(document, uploads, modality)
    note(f"{document}\n{[(upload.name, upload.column) for upload in uploads]}\n{reports}")
    event(
        f"{'accepted' if answer.valid else answer.errors[0].code}, {'runs' if error is None else error.code}"
    )
    if not answer.valid:
        assert error is not None, f"refused though it runs: {answer.errors}"
    elif error is not None:
        assert may_hope, f"accepted, and then: {error.message}"
        assert error.code in {"data_too_small", "data_unreadable", "too_many_bad_samples"}
        if error.code != "too_many_bad_samples":
            assert "need" in error.message or "is a " in error.message
        assert error.hint


# Text

_WORDS = st.text(st.sampled_from("ab \n.,éßİȺΐﷺ中😀\t"), max_size=60)
_DOCUMENTS = _SIZES.flatmap(
    lambda size: st.lists(
        st.one_of(_WORDS, st.sampled_from(["one", "two", " ", ""])), min_size=size, max_size=size
    )
)


@st.composite
def _table(draw: st.DrawFn, name: str) -> Upload:
    """A table of one to three columns of text, read by one of them."""
    columns = draw(st.lists(st.sampled_from(["text", "body", "title"]), min_size=1, max_size=3, unique=True))
    rows = [{column: draw(_WORDS) for column in columns} for _ in range(draw(_SIZES))]
    if name.endswith(".jsonl"):
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    elif name.endswith(".csv"):
        out = io.StringIO()
        writer = csv.DictWriter(out, columns)
        writer.writeheader()
        writer.writerows(rows)
        content = out.getvalue().encode()
    else:
        raw = io.BytesIO()
        pq.write_table(pa.table({c: pa.array([row[c] for row in rows], pa.string()) for c in columns}), raw)
        content = raw.getvalue()
    return Upload(name, content, draw(st.one_of(st.none(), st.sampled_from(columns))))


@st.composite
def _zip_of_texts(draw: st.DrawFn) -> Upload:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, text in enumerate(draw(_DOCUMENTS)):
            archive.writestr(f"{number}.txt", text)
        if draw(st.booleans()):
            archive.writestr("tokenizer.json", _tokenizer(draw(st.integers(0, 2))))
    return Upload("texts.zip", out.getvalue())


def _tokenizer(kind: int) -> bytes:
    """A tokenizer with a byte order mark, with a normaliser that lengthens text, or with neither."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "b": 7}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if kind == 2:
        tokenizer.normalizer = normalizers.Replace("a", "a b a b a b")
    return (b"\xef\xbb\xbf" if kind == 1 else b"") + tokenizer.to_str().encode()


_TEXT_FILES = st.lists(
    st.one_of(
        _DOCUMENTS.map(lambda texts: Upload("a.txt", "\n\n".join(texts).encode())),
        _DOCUMENTS.map(lambda texts: Upload("b.txt", ("\n\n".join(texts) + "x" * 4000).encode())),
        _table("t.jsonl"),
        _table("t.csv"),
        _table("t.parquet"),
        _zip_of_texts(),
        st.integers(0, 2).map(lambda kind: Upload("tokenizer.json", _tokenizer(kind))),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda upload: upload.name,
)
_TEXT_JOBS = st.fixed_dictionaries(
    {
        "name": st.just("any"),
        "task": st.sampled_from(
            [{"kind": "masked_lm"}, {"kind": "causal_lm"}, {"kind": "text_denoising_autoencoder"}]
        ),
        "model": st.just(_TINY),
        "training": _training(sequence_length=st.sampled_from([8, 9, 16, 64])),
        "data": st.fixed_dictionaries(
            {
                "tokenizer": st.fixed_dictionaries(
                    {
                        "kind": st.sampled_from(
                            ["byte", "byte", "character", "bpe", "wordpiece", "unigram", "uploaded"]
                        ),
                        "vocabulary_size": st.just(300),
                    },
                    optional={
                        "normalization": st.sampled_from(["nfc", "nfkc"]),
                        "lowercase": st.just(True),
                        "strip_accents": st.just(True),
                    },
                ),
                "documents": st.sampled_from(["auto", "whole_file"]),
                "held_out": st.sampled_from(["by_hash", "tail"]),
                "held_out_fraction": st.sampled_from([0.01, 0.05, 0.3, 0.5]),
            },
            optional={
                "text_column": st.sampled_from(["text", "body", "none"]),
                "packing": st.just("best_fit"),
            },
        ),
    }
)


@pytest.mark.filterwarnings("error")
@_MANY
@given(document=_TEXT_JOBS, uploads=_TEXT_FILES)
def test_admission_and_engine_agree_on_text(
    session: WriteSession, document: dict[str, Any], uploads: list[Upload]
) -> None:
    if document["task"]["kind"] != "masked_lm":
        document["data"].pop("packing", None)
    job = validate(document)
    texts = b"".join(upload.content for upload in uploads)
    counted = (
        is_exact(job.data.tokenizer)
        and job.data.packing == "stream"
        # It is not known which of these characters are cut from the training split.
        and (job.data.held_out == "by_hash" or job.data.tokenizer.kind == "character" or texts.isascii())
        and "text_column" not in document["data"]
    )
    _agree(session, document, uploads, "text", may_hope=not counted)


# Images

_PLACES = st.sampled_from(["", "cat/", "dog/", "test/", "val/cat/", "train/dog/"])


def _png(seed: int) -> bytes:
    """A different picture for each number; below zero, a file that cannot be decoded."""
    if seed < 0:
        return b"\x89PNG no picture %d" % seed
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


_SEEDS = st.sampled_from([*range(21), -1, -2])


@st.composite
def _archive(draw: st.DrawFn, name: str, ending: str, content: Any) -> Upload:
    out = io.BytesIO()
    size = draw(_SIZES)
    members = draw(st.lists(st.tuples(_PLACES, _SEEDS), min_size=size, max_size=size))
    with zipfile.ZipFile(out, "w") as archive:
        for number, (place, seed) in enumerate(members):
            archive.writestr(f"{place}{number}_{'abc'[seed % 3]}_.{ending}", content(seed))
    return Upload(name, out.getvalue())


@st.composite
def _image_table(draw: st.DrawFn) -> Upload:
    columns = draw(st.lists(st.sampled_from(["image", "photo"]), min_size=1, max_size=2, unique=True))
    rows = draw(_SIZES.filter(bool))
    table = {column: [_png(draw(_SEEDS)) for _ in range(rows)] for column in columns}
    labels: dict[str, list[Any]] = {"label": [draw(st.integers(0, 2)) for _ in range(rows)]}
    out = io.BytesIO()
    pq.write_table(pa.table(table | (labels if draw(st.booleans()) else {})), out)
    name = draw(st.sampled_from(["train.parquet", "test.parquet"]))
    return Upload(name, out.getvalue(), draw(st.one_of(st.none(), st.sampled_from(columns))))


_IMAGE_FILES = st.lists(
    st.one_of(
        _archive("a.zip", "png", _png),
        _archive("test.zip", "png", _png),
        _image_table(),
        st.integers(0, 20).map(lambda seed: Upload("1.png", _png(seed))),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda upload: upload.name,
)
_IMAGE_JOBS = st.fixed_dictionaries(
    {
        "name": st.just("any"),
        "task": st.sampled_from(
            [
                {"kind": kind}
                for kind in (
                    *("rotation", "contrastive", "masked_autoencoder", "denoising_autoencoder"),
                    *("colorization", "self_distillation", "joint_embedding_prediction", "gan"),
                )
            ]
        ),
        "training": _training(),
        "data": st.fixed_dictionaries(
            {
                "image": st.fixed_dictionaries(
                    {"size": st.sampled_from([16, 32])},
                    optional={
                        "image_column": st.sampled_from(["image", "photo", "none"]),
                        "label_column": st.sampled_from(["label", "none"]),
                    },
                ),
                "held_out_fraction": st.sampled_from([0.01, 0.05, 0.3, 0.5]),
                "on_bad_sample": st.sampled_from(["skip", "refuse"]),
            }
        ),
    }
)
_SMALL_MODELS: dict[str, dict[str, Any]] = {
    "masked_autoencoder": _TINY,
    "joint_embedding_prediction": _TINY,
}


@_MANY
@given(document=_IMAGE_JOBS, uploads=_IMAGE_FILES)
def test_admission_and_engine_agree_on_images(
    session: WriteSession, document: dict[str, Any], uploads: list[Upload]
) -> None:
    document["model"] = _SMALL_MODELS.get(document["task"]["kind"], {})
    _agree(session, document, uploads, "image", may_hope="image_column" in document["data"]["image"])


# Audio


def _wav(seed: int) -> bytes:
    """A recording with different noise, length and rate for each number; below zero, a file that cannot be decoded."""
    if seed < 0:
        return b"RIFF no sound %d" % seed
    dice = np.random.default_rng(seed)
    rate = (8000, 11_025, 16_000)[seed % 3]
    out = io.BytesIO()
    soundfile.write(out, dice.normal(scale=0.1, size=int(dice.integers(1, 9000))), rate, format="WAV")
    return out.getvalue()


_AUDIO_FILES = st.lists(
    st.one_of(
        _archive("a.zip", "wav", _wav),
        _archive("b.zip", "wav", _wav),
        _archive("test.zip", "wav", _wav),
        st.integers(0, 20).map(lambda seed: Upload("1.wav", _wav(seed))),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda upload: upload.name,
)
_AUDIO_JOBS = st.fixed_dictionaries(
    {
        "name": st.just("any"),
        "task": st.sampled_from(
            [
                {"kind": "wav2vec2", "feature_encoder": {"kernels": [10, 3], "strides": [5, 4]}},
                {"kind": "masked_spectrogram", "mel_bins": 16, "patch_size": 4, "decoder_layers": 1},
            ]
        ),
        "model": st.just(_TINY),
        "training": _training(),
        "data": st.fixed_dictionaries(
            {
                "audio": st.fixed_dictionaries(
                    {
                        "sampling_rate": st.sampled_from([8000, 16_000, 44_100]),
                        "clip_seconds": st.sampled_from([0.01, 0.1, 0.25, 1.0]),
                        "minimum_seconds": st.sampled_from([0.0, 0.05, 0.3]),
                    },
                    optional={"group_pattern": st.sampled_from(["_(?P<group>[ab])_", "^(?P<group>[a-z]+)/"])},
                ),
                "held_out_fraction": st.sampled_from([0.01, 0.05, 0.3, 0.5]),
                "on_bad_sample": st.sampled_from(["skip", "refuse"]),
            }
        ),
    }
)


@_MANY
@given(document=_AUDIO_JOBS, uploads=_AUDIO_FILES)
def test_admission_and_engine_agree_on_audio(
    session: WriteSession, document: dict[str, Any], uploads: list[Upload]
) -> None:
    _agree(session, document, uploads, "audio", may_hope=False)
