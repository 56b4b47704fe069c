"""Which samples train, in any container and order: duplicates, hidden files, splits, tokenizers, keys."""

import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from core.data import audio, data_files, image, text
from core.data.text.blocks import TokenBlocks
from core.spec.data import DataSpec
from tests.core.archives import store

CONTAINERS = ["a.zip", "a.tar", "a.tar.gz", "loose"]
AUDIO = DataSpec.model_validate({"audio": {"sampling_rate": 8000}})
IMAGE = DataSpec.model_validate({"image": {"size": 16}})
TEXT = DataSpec.model_validate({"tokenizer": {"kind": "byte"}, "held_out_fraction": 0.3})


def picture(seed: int) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def recording(seed: int) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, np.random.default_rng(seed).normal(0, 0.1, 800), 8000, format="WAV")
    return out.getvalue()


def document(seed: int) -> bytes:
    return f"The document of number {seed} speaks of {seed * seed}.".encode()


def prepared(
    kind: str, directory: Path, container: str, members: dict[str, bytes], cache: str = "cache"
) -> Any:
    store(directory / container, members)
    module, spec = {"image": (image, IMAGE), "audio": (audio, AUDIO), "text": (text, TEXT)}[kind]
    return module.prepare(data_files([directory / container], kind), spec, directory / cache)  # type: ignore[arg-type, attr-defined]


def contents(data: Any, split: Any) -> list[bytes]:
    """Each sample of a split."""
    if hasattr(data, "images"):
        return [one.tobytes() for one in data.images(split)]
    if hasattr(data, "recording"):
        return [data.recording(split, number).tobytes() for number in range(len(data.index(split)))]
    offsets, tokens = data.offsets(split).astype(int), data.tokens(split)
    return [tokens[a:b].tobytes() for a, b in itertools.pairwise(offsets)]


MAKERS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "image": ("png", picture),
    "audio": ("wav", recording),
    "text": ("txt", document),
}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("first", ["train", "test"])
@pytest.mark.parametrize("kind", ["image", "audio"])
def test_a_sample_in_train_and_test_folders_is_in_one_split_and_counted_once(
    kind: str, first: str, container: str, tmp_path: Path
) -> None:
    ending, make = MAKERS[kind]
    train = {f"train/{label}/{n}.{ending}": make(n) for label, n in (("a", 0), ("a", 1), ("b", 2), ("b", 3))}
    test = {f"test/{label}/{n}.{ending}": make(n) for label, n in (("a", 1), ("b", 3), ("b", 9))}
    members = train | test if first == "train" else test | train
    data = prepared(kind, tmp_path, container, members)
    parts = {split: contents(data, split) for split in ("train", "held_out")}
    alone = prepared(
        kind, tmp_path, "alone.zip", {f"{n}.{ending}": make(n) for n in (0, 1, 2, 3, 9)}, "other"
    )
    everything = contents(alone, "train") + contents(alone, "held_out")
    assert sorted(parts["train"] + parts["held_out"]) == sorted(everything), "each once"
    assert data.duplicates == 2
    if kind == "image":
        assert (len(parts["train"]), len(parts["held_out"])) == (2, 3), "what is set aside does not train"
        assert sorted(data.labels("held_out").tolist()) == [0, 1, 1]


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("kind", MAKERS)
def test_system_files_are_no_samples(kind: str, container: str, tmp_path: Path) -> None:
    """Also where their content would be a valid sample."""
    if kind == "text" and ".tar" in container:
        pytest.skip("text is not read out of tars")
    ending, make = MAKERS[kind]
    members = {f"a/{n}.{ending}": make(n) for n in range(4)} | {
        f"b/{n}.{ending}": make(n) for n in range(4, 8)
    }
    left = {
        f"a/._1.{ending}": make(100),
        f"._top.{ending}": make(101),
        f"__MACOSX/a/._2.{ending}": make(102),
        f"__MACOSX/a/3.{ending}": make(103),
        f".thumbnails/4.{ending}": make(104),
        "a/.DS_Store": b"\0\0\0\1Bud1",
    }
    data = prepared(kind, tmp_path, container, members | left)
    clean = prepared(kind, tmp_path, "clean.zip", members, "other")
    for split in ("train", "held_out"):
        assert sorted(contents(data, split)) == sorted(contents(clean, split))
    assert data.facts.get("bad", 0) == 0
    assert data.duplicates == 0


@pytest.mark.parametrize("kind", MAKERS)
def test_repeats_count_and_are_kept_once_whatever_they_are_called(kind: str, tmp_path: Path) -> None:
    ending, make = MAKERS[kind]
    members = {f"{copy}/{n}.{ending}": make(n) for copy in ("x", "y", "z") for n in range(6)}
    data = prepared(kind, tmp_path, "a.zip", members)
    assert data.duplicates == 12
    both = contents(data, "train") + contents(data, "held_out")
    assert len(both) == len(set(both)) == 6
    other = prepared(
        kind, tmp_path, "b.zip", {f"{n:03}-renamed.{ending}": make(5 - n) for n in range(6)}, "other"
    )
    for split in ("train", "held_out"):
        assert sorted(contents(other, split)) == sorted(contents(data, split)), (
            "names and order decide nothing"
        )


def test_a_tokenizer_is_trained_on_the_training_split_alone(tmp_path: Path) -> None:
    """Forty documents, each of a letter of its own."""
    spec = DataSpec.model_validate({"tokenizer": {"kind": "character"}, "held_out_fraction": 0.4})
    letters = [chr(0x4E00 + number) for number in range(40)]
    lines = (json.dumps({"text": letter * 9}) + "\n" for letter in letters)
    (tmp_path / "a.jsonl").write_text("".join(lines))
    data = text.prepare(data_files([tmp_path / "a.jsonl"]), spec, tmp_path / "cache")
    known = json.loads((data.tokenizer_directory / "tokenizer.json").read_text())["model"]["vocab"]
    of_training = {token for token, number in known.items() if number in data.tokens("train")} - {"[SEP]"}
    assert {token for token in known if token in letters} == of_training
    assert len(of_training) == data.train.documents
    assert data.held_out.documents == 40 - data.train.documents > 5
    assert data.special_ids.unk not in data.tokens("train")
    assert set(data.tokens("held_out").tolist()) == {data.special_ids.unk, data.special_ids.sep}


CHANGES: dict[str, dict[str, dict[str, Any]]] = {
    "image": {
        "size": {"image": {"size": 24}},
        "channels": {"image": {"size": 16, "channels": 1}},
        "share": {"held_out_fraction": 0.25},
    },
    "audio": {
        "rate": {"audio": {"sampling_rate": 4000}},
        "groups": {"audio": {"sampling_rate": 8000, "group_pattern": "(?P<group>a)"}},
        "share": {"held_out_fraction": 0.25},
    },
    "text": {
        "tokenizer": {"tokenizer": {"kind": "bpe", "vocabulary_size": 300}},
        "vocabulary": {"tokenizer": {"kind": "bpe", "vocabulary_size": 301}},
        "column": {"text_column": "body"},
        "documents": {"documents": "whole_file"},
        "tail": {"held_out": "tail"},
        "share": {"held_out_fraction": 0.25},
    },
}
UNCHANGED: dict[str, dict[str, Any]] = {
    "image": {"on_bad_sample": "skip"},
    "audio": {"on_bad_sample": "skip", "audio": {"sampling_rate": 8000, "clip_seconds": 1.0}},
    "text": {"packing": "best_fit"},
}


@pytest.mark.parametrize("kind", CHANGES)
def test_the_key_of_prepared_data_depends_on_what_changes_it_and_no_more(kind: str, tmp_path: Path) -> None:
    ending, make = MAKERS[kind]
    module: Any = {"image": image, "audio": audio, "text": text}[kind]
    base = {"image": {"image": {"size": 16}}, "audio": {"audio": {"sampling_rate": 8000}}, "text": {}}[kind]
    store(tmp_path / "a.zip", {f"{n}.{ending}": make(n) for n in range(3)})
    files = data_files([tmp_path / "a.zip"], kind)  # type: ignore[arg-type]

    def key(changes: dict[str, Any]) -> str:
        return str(module.cache_key(files, DataSpec.model_validate(base | changes)))

    keys = {key({}), *(key(changes) for changes in CHANGES[kind].values())}
    assert len(keys) == 1 + len(CHANGES[kind])
    assert key(UNCHANGED[kind]) == key({})
    store(tmp_path / "a.zip", {f"{n}.{ending}": make(n) for n in range(4)})
    grown = data_files([tmp_path / "a.zip"], kind)  # type: ignore[arg-type]
    assert module.cache_key(grown, DataSpec.model_validate(base)) != key({})


@pytest.mark.parametrize("length", [1, 7, 50])
def test_blocks_hold_every_token_as_an_input_and_as_a_target_once(length: int, tmp_path: Path) -> None:
    data = prepared("text", tmp_path, "a.zip", {f"{n}.txt": document(n) for n in range(12)})
    blocks, tokens = TokenBlocks(data, "train", length), data.tokens("train").astype(np.int64)
    rows = blocks.rows(np.arange(len(blocks)))
    count = (len(tokens) - 1) // length
    assert rows.shape == (count, length + 1)
    assert rows[:, :-1].reshape(-1).tolist() == tokens[: count * length].tolist()
    assert rows[:, 1:].reshape(-1).tolist() == tokens[1 : count * length + 1].tolist()
