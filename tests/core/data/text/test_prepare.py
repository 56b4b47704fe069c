"""Prepared data: made once, the same for everybody, believed only when it is whole."""

import hashlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

from core.data import DataError, DataFile, data_files
from core.data.locks import locked
from core.data.text import PreparedText, cache_key, open_prepared, preparation, prepare
from core.data.text.documents import recut
from core.formats import read_documents
from core.spec.data import DataSpec

Written = Callable[..., list[DataFile]]
SMALL = DataSpec.model_validate({"tokenizer": {"vocabulary_size": 400}, "held_out_fraction": 0.2})

TAIL = DataSpec.model_validate(
    {
        "documents": "whole_file",
        "held_out": "tail",
        "held_out_fraction": 0.1,
        "tokenizer": {"kind": "character"},
    }
)


def content(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_every_document_comes_back_from_its_ids(prepared: PreparedText, corpus: list[DataFile]):
    with corpus[0].path.open("rb") as stream:
        documents = list(read_documents(stream, "topics.txt"))
    tokenizer = Tokenizer.from_file(str(prepared.tokenizer_directory / "tokenizer.json"))
    found = []
    for split in ("train", "held_out"):
        ids, offsets = prepared.tokens(split), prepared.offsets(split)
        texts = [tokenizer.decode(ids[a : b - 1].tolist()) for a, b in itertools.pairwise(offsets)]
        size = prepared.statistics(split)
        assert size.documents == len(texts) > 0
        assert size.tokens == len(ids)
        assert size.characters == sum(map(len, texts))
        assert size.text_bytes == sum(len(text.encode()) for text in texts)
        found += texts
    assert sorted(found) == sorted(set(documents))
    assert prepared.duplicates == len(documents) - len(found) > 0


def test_transformers_opens_its_tokenizer(prepared: PreparedText, tmp_path: Path):
    prepared.save_tokenizer(tmp_path, 64)
    opened = AutoTokenizer.from_pretrained(tmp_path)
    assert opened.model_max_length == 64
    assert (opened.mask_token_id, len(opened)) == (prepared.special_ids.mask, prepared.vocabulary_size)


def test_the_second_time_it_is_there(corpus: list[DataFile], prepared: PreparedText):
    spec = DataSpec.model_validate({"tokenizer": {"vocabulary_size": 1000}, "held_out_fraction": 0.2})
    again = prepare(corpus, spec, prepared.directory.parent)
    assert again.cached
    assert not prepared.cached
    assert replace(again, cached=False) == prepared
    assert prepared.directory.name == prepared.key


def test_the_key_names_all_that_matters_and_nothing_else(corpus: list[DataFile]):
    (file,) = corpus
    key = cache_key(corpus, SMALL)
    assert cache_key([replace(file, path=Path("elsewhere"))], SMALL) == key
    others = [
        cache_key([replace(file, name="b.txt")], SMALL),
        cache_key([replace(file, sha256="0" * 64)], SMALL),
        cache_key([*corpus, *corpus], SMALL),
        cache_key(corpus, DataSpec()),
    ]
    assert len({key, *others}) == 5
    two = [replace(file, name="a.txt"), file]
    assert cache_key(two, SMALL) == cache_key(two[::-1], SMALL)


def test_two_machines_prepare_the_same_bytes(corpus: list[DataFile], tmp_path: Path):
    for kind in ("bpe", "wordpiece"):
        spec = DataSpec.model_validate({"tokenizer": {"kind": kind, "vocabulary_size": 500}})
        first, second = (prepare(corpus, spec, tmp_path / name) for name in (f"{kind}1", f"{kind}2"))
        assert content(first.directory) == content(second.directory)


def test_the_tokenizer_never_sees_what_is_held_out(written: Written, tmp_path: Path):
    # Each document has a character of its own, so that the vocabulary tells which documents it was made of.
    texts = [f"{chr(0x4E00 + i)} common words" for i in range(40)]
    spec = DataSpec.model_validate(
        {"tokenizer": {"kind": "wordpiece", "vocabulary_size": 400}, "held_out_fraction": 0.3}
    )
    files = written(a__jsonl="".join(json.dumps({"text": text}) + "\n" for text in texts))
    result = prepare(files, spec, tmp_path / "cache")
    tokenizer = Tokenizer.from_file(str(result.tokenizer_directory / "tokenizer.json"))
    known = [chr(0x4E00 + i) for i in range(40) if tokenizer.token_to_id(chr(0x4E00 + i)) is not None]
    assert len(known) == result.train.documents
    held_out = result.tokens("held_out")
    assert (
        np.count_nonzero(held_out == result.special_ids.unk) == result.held_out.documents == 40 - len(known)
    )


def test_text_that_spells_a_special_token_is_text(written: Written, tmp_path: Path):
    files = written(a__jsonl='{"text": "one [MASK] two [SEP]"}\n{"text": "three [CLS] four"}\n')
    result = prepare(files, SMALL, tmp_path / "cache")
    ids = np.concatenate([result.tokens("train"), result.tokens("held_out")])
    assert np.count_nonzero(np.isin(ids, result.special_ids.all)) == 2  # the separators


def test_duplicates_are_dropped_across_files(written: Written, tmp_path: Path):
    files = written(a__jsonl='{"text": "same"}\n{"text": "other"}\n', b__csv="text\nsame\nthird\n")
    result = prepare(files, SMALL, tmp_path / "cache")
    assert result.duplicates == 1
    assert result.train.documents + result.held_out.documents == 3


def test_long_documents_are_encoded_in_parts_and_stay_one(
    written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    text = " ".join(map(str, range(3000)))
    files = written(a__jsonl=json.dumps({"text": text}) + '\n{"text": "short"}\n')
    monkeypatch.setattr("core.data.text.documents.PIECE_CHARACTERS", 100)
    monkeypatch.setattr("core.data.text.encode.BATCH_CHARACTERS", 250)
    result = prepare(files, SMALL, tmp_path / "cache")
    assert {result.train.documents, result.held_out.documents} == {1}


def test_wide_vocabularies_take_four_bytes(written: Written, tmp_path: Path):
    own = Tokenizer(
        models.WordLevel({**{f"w{i}": i for i in range(70_000)}, "[UNK]": 70_000}, unk_token="[UNK]")
    )
    own.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    files = written(
        tokenizer__json=own.to_str(),
        a__jsonl='{"text": "w1 w69999"}\n{"text": "w2 w69998"}\n{"text": "w3 w69997"}\n',
    )
    result = prepare(files, DataSpec.model_validate({"tokenizer": {"kind": "uploaded"}}), tmp_path / "cache")
    assert (result.token_type, result.vocabulary_size, result.tokenizer_kind) == (
        "uint32",
        70_005,
        "uploaded",
    )
    assert set(result.tokens("train")) | set(result.tokens("held_out")) == {
        1, 2, 3, 69_997, 69_998, 69_999, result.special_ids.sep,
    }  # fmt: skip


@pytest.mark.parametrize("damage", ["cut", "gone", "meta", "format", "tokenizer"])
def test_what_is_not_whole_is_not_believed(corpus: list[DataFile], tmp_path: Path, damage: str):
    good = prepare(corpus, SMALL, tmp_path)
    before = content(good.directory)
    match damage:
        case "cut":
            with (good.directory / "train.bin").open("r+b") as file:
                file.truncate(100)
        case "gone":
            (good.directory / "held_out.offsets").unlink()
        case "meta":
            (good.directory / "meta.json").write_text("{")
        case "format":
            meta = json.loads((good.directory / "meta.json").read_text())
            (good.directory / "meta.json").write_text(json.dumps(meta | {"format": 0}))
        case "tokenizer":
            shutil.rmtree(good.tokenizer_directory)
    assert open_prepared(good.directory) is None
    again = prepare(corpus, SMALL, tmp_path)
    assert not again.cached
    assert content(again.directory) == before


def start(
    corpus: list[DataFile], cache: Path, on_progress: str, processes: int = 1, before: str = ""
) -> subprocess.Popen[str]:
    """A process of its own that prepares ``corpus`` and prints whether it found it there."""
    program = f"""
import os, signal, sys
from pathlib import Path
from core.data import data_files
from core.data.text import prepare
from core.spec.data import DataSpec
{before}
spec = DataSpec.model_validate_json({SMALL.model_dump_json()!r})
files = data_files([Path({str(corpus[0].path)!r})])
print("ready", flush=True)
print(prepare(files, spec, Path({str(cache)!r}), on_progress={on_progress}, processes={processes}).cached)
"""
    return subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_two_processes_at_once_are_both_right(corpus: list[DataFile], tmp_path: Path):
    # The first works and waits for a word; the second asks for the same meanwhile.
    wait = (
        "lambda *_: (print('begun', flush=True), sys.stdin.readline()) if _[:2] == ('reading', 0) else None"
    )
    first = start(corpus, tmp_path, wait)
    assert [first.stdout.readline(), first.stdout.readline()] == ["ready\n", "begun\n"]
    second = start(corpus, tmp_path, "None")
    assert second.stdout.readline() == "ready\n"
    assert first.communicate("go\n", timeout=60)[0] == "False\n"
    assert second.communicate(timeout=60)[0] == "True\n"
    assert not list(tmp_path.glob("*.partial"))


def test_what_a_killed_preparation_leaves_is_removed_when_it_is_old(
    corpus: list[DataFile], written: Written, tmp_path: Path
):
    cache = tmp_path / "cache"
    child = start(
        corpus, cache, "lambda *_: os.kill(os.getpid(), signal.SIGKILL) if _[0] == 'tokenizing' else None"
    )
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    (left,) = cache.glob("*.partial")
    assert not (cache / left.stem).exists()
    other = written(a__jsonl='{"text": "one"}\n{"text": "two"}\n')
    prepare(other, DataSpec(held_out_fraction=0.3), cache)
    assert left.exists()  # somebody may go on with it
    os.utime(left, (0, 0))
    with locked(cache / f"{left.stem}.lock"):
        prepare(other, SMALL, cache)
        assert left.exists()  # its owner might live
    prepare(other, DataSpec(), cache)
    assert not left.exists()
    assert not prepare(corpus, SMALL, cache).cached


# Phase and how much of it is done when the preparation is killed.
KILLS = [
    ("reading", 0),
    ("training_tokenizer", 0),
    ("training_tokenizer", 1),
    ("tokenizing", 0),
    ("tokenizing", 60_000),
]


@pytest.mark.parametrize("spec", [SMALL, TAIL])
def test_a_killed_preparation_goes_on_where_it_was(
    corpus: list[DataFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: DataSpec
):
    monkeypatch.setattr("core.data.text.encode.BATCH_CHARACTERS", 20_000)
    monkeypatch.setattr("core.data.text.documents.PIECE_CHARACTERS", 3_000)
    monkeypatch.setattr("core.data.progress._SECONDS", 0.0)
    monkeypatch.setattr(preparation, "STAMP_CHARACTERS", 25_000)
    straight = prepare(corpus, spec, tmp_path / "straight")
    told: list[tuple[str, int]] = []
    for kill in KILLS:

        def progress(phase: str, done: int, _: int | None, __: str, kill: tuple[str, int] = kill) -> None:
            told.append((phase, done))
            if phase == kill[0] and done >= kill[1]:
                os._exit(9)

        if pid := os.fork():
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
        else:
            prepare(corpus, spec, tmp_path / "killed", on_progress=progress)
            os._exit(0)
    killed = prepare(
        corpus, spec, tmp_path / "killed", on_progress=lambda phase, done, *_: told.append((phase, done))
    )
    assert content(killed.directory) == content(straight.directory)
    assert {phase for phase, _ in told} == {"tokenizing"}  # the last attempt repeated no finished stage
    assert told[1][1] >= 25_000  # nor what was stamped of this one


@pytest.mark.parametrize("spec", [SMALL, TAIL])
def test_the_number_of_processes_changes_nothing(
    corpus: list[DataFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: DataSpec
):
    monkeypatch.setattr("core.data.text.encode.BATCH_CHARACTERS", 20_000)
    one, three = (prepare(corpus, spec, tmp_path / str(n), processes=n) for n in (1, 3))
    assert content(one.directory) == content(three.directory)


def test_tokenizing_processes_die_with_the_one_that_started_them(corpus: list[DataFile], tmp_path: Path):
    told = "lambda *_: (print('begun', flush=True), sys.stdin.readline()) if _[0] == 'tokenizing' and _[1] else None"
    # Told after the first of many batches, while both still have some to do.
    often = (
        "import core.data.progress, core.data.text.encode\n"
        "core.data.progress._SECONDS, core.data.text.encode.BATCH_CHARACTERS = 0.0, 2_000"
    )
    parent = start(corpus, tmp_path, told, processes=2, before=often)
    with parent:
        while parent.stdout.readline() != "begun\n":
            pass
        children = psutil.Process(parent.pid).children()
        assert len(children) == 2
        parent.kill()
    assert not psutil.wait_procs(children, timeout=30)[1]


def test_a_tokenizing_process_that_dies_is_told_of(
    corpus: list[DataFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("core.data.text.encode.BATCH_CHARACTERS", 2_000)

    # This process has other children too: the servers that tests share.
    others = set(psutil.Process().children())

    def progress(phase: str, done: int, *_: object) -> None:
        if phase == "tokenizing" and done:
            for child in set(psutil.Process().children()) - others:
                child.kill()

    monkeypatch.setattr("core.data.progress._SECONDS", 0.0)
    with pytest.raises(MemoryError):
        prepare(corpus, SMALL, tmp_path, on_progress=progress, processes=2)
    assert not set(psutil.Process().children()) - others


def test_a_preparation_that_fails_leaves_nothing(written: Written, tmp_path: Path):
    cache = tmp_path / "cache"
    with pytest.raises(DataError):
        prepare(written(a__txt="alone"), SMALL, cache)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("code", "said", "contents"),
    [
        ("data_too_small", "1 different document", {"a__txt": "alone"}),
        ("data_too_small", "0 different documents", {"a__txt": "\n\n"}),
        ("data_unreadable", "a.txt: is not UTF-8: byte 0", {"a__txt": b"\xff"}),
        ("data_unreadable", "a.txt: is empty", {"a__txt": b""}),
        ("data_unreadable", "no key 'body'", {"a__jsonl": '{"text": "x"}'}),
    ],
)
def test_bad_data(written: Written, tmp_path: Path, code: str, said: str, contents: dict[str, str | bytes]):
    spec = DataSpec(text_column="body")
    with pytest.raises(DataError) as caught:
        prepare(written(**contents), spec, tmp_path / "cache")
    assert caught.value.code == code
    assert said in caught.value.message
    assert caught.value.hint


def test_an_uploaded_tokenizer_must_be_there_once(written: Written, tmp_path: Path):
    spec = DataSpec.model_validate({"tokenizer": {"kind": "uploaded"}})
    text = '{"text": "one"}\n{"text": "two"}\n'
    for contents, said in (
        ({"a__jsonl": text}, "no tokenizer.json"),
        ({"a__jsonl": text, "tokenizer__json": '{"model": {"vocab": {}}}'}, "cannot be loaded"),
        ({"a__jsonl": text, "tokenizer__json": "{}"}, "tokenizer.json"),
    ):
        with pytest.raises(DataError) as caught:
            prepare(written(**contents), spec, tmp_path / "cache")
        assert caught.value.code == "tokenizer_invalid"
        assert said in caught.value.message


def test_progress_goes_forward_through_the_phases(corpus: list[DataFile], tmp_path: Path):
    told = []
    prepare(corpus, SMALL, tmp_path, on_progress=lambda *point: told.append(point))
    assert list(dict.fromkeys(phase for phase, *_ in told)) == ["reading", "training_tokenizer", "tokenizing"]
    for phase in ("reading", "training_tokenizer", "tokenizing"):
        done = [point[1] for point in told if point[0] == phase]
        (total,) = {point[2] for point in told if point[0] == phase}
        assert done == sorted(done)
        assert (done[0], done[-1]) == (0, total)


def test_the_tokenizer_s_sample_is_spread_over_the_data(
    corpus: list[DataFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(preparation, "TOKENIZER_SAMPLE_CHARACTERS", 20_000)
    seen = []
    train = preparation.train
    monkeypatch.setattr(
        preparation, "train", lambda spec, texts: train(spec, lambda: seen.extend(texts()) or seen)
    )
    prepare(corpus, SMALL, tmp_path)
    whole = corpus[0].path.read_text()
    assert 10_000 < sum(map(len, seen)) <= 20_000
    places = [whole.index(text) / len(whole) for text in seen]
    assert min(places) < 0.3
    assert max(places) > 0.7


def test_long_documents_are_in_the_tokenizer_s_sample_like_short_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    data = tmp_path / "data.jsonl"
    with data.open("w") as file:
        for number in range(400):
            for size in (10, 1000):
                file.write(json.dumps({"text": f"{number:06} " + "word " * (size // 5)}) + "\n")
    monkeypatch.setattr(preparation, "TOKENIZER_SAMPLE_CHARACTERS", 40_000)
    seen = []
    train = preparation.train
    monkeypatch.setattr(
        preparation, "train", lambda spec, texts: train(spec, lambda: seen.extend(texts()) or seen)
    )
    prepare(data_files([data]), SMALL, tmp_path)
    long = sum(len(text) > 100 for text in seen)
    assert 20_000 < sum(map(len, seen)) <= 40_000
    assert 0.3 < long / len(seen) < 0.7


def test_directories_are_read_in_name_order_without_what_is_hidden(tmp_path: Path):
    for name in ("b/two.txt", "a.txt", "notes.pdf", ".git/x.txt", "b/c/three.csv.gz"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    files = data_files([tmp_path])
    assert [file.name for file in files] == ["a.txt", "b/c/three.csv.gz", "b/two.txt"]
    assert files[0].sha256 == hashlib.sha256(b"a.txt").hexdigest()
    assert data_files([tmp_path / "a.txt", tmp_path / "a.txt"]) == files[:1]


def test_data_that_is_not_there(tmp_path: Path):
    (tmp_path / "x").mkdir()
    (tmp_path / "a.pdf").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "x" / "a.txt").write_text("y")
    cases = [
        [tmp_path / "none.txt"],
        [tmp_path / "a.pdf"],
        [],
        [tmp_path / "a.txt", tmp_path / "x" / "a.txt"],
    ]
    for paths in cases:
        with pytest.raises(DataError) as caught:
            data_files(paths)
        assert caught.value.code == "data_unreadable"


@pytest.mark.parametrize("size", [100, 1 << 20])
def test_a_file_as_a_stream_of_characters_loses_none(
    written: Written, topics: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
):
    monkeypatch.setattr("core.data.text.documents.PIECE_CHARACTERS", size)
    text = "\n\n  First\n\n\n\f" + "\n\n".join(topics[:5]) + "  \n\n"
    prepared = prepare(written(input__txt=text), TAIL, tmp_path / "cache")
    ids = {split: prepared.tokens(split)[:-1] for split in ("train", "held_out")}
    border = int(len(text) * 0.9)
    training = text[:border]
    alphabet = sorted(set(training))
    assert prepared.vocabulary_size == len(alphabet) + 5
    numbers = {character: number for number, character in enumerate(alphabet, 5)}
    assert ids["train"].tolist() == [numbers[character] for character in training]
    assert ids["held_out"].tolist() == [numbers.get(c, prepared.special_ids.unk) for c in text[border:]]
    opened = AutoTokenizer.from_pretrained(prepared.tokenizer_directory)
    assert opened.decode(ids["train"]) == training
    assert (prepared.train.documents, prepared.held_out.documents) == (1, 1)


def test_whole_files_are_documents_of_their_own(written: Written, tmp_path: Path):
    files = written(
        a__txt=" one\n\n", b__txt=" \n", c__jsonl='{"text": "three"}\n{"text": "four"}\n', d__txt=" one\n\n"
    )
    spec = DataSpec.model_validate({"documents": "whole_file", "tokenizer": {"kind": "byte"}})
    prepared = prepare(files, spec, tmp_path / "cache")
    opened = AutoTokenizer.from_pretrained(prepared.tokenizer_directory)
    found = []
    for split in ("train", "held_out"):
        ids, offsets = prepared.tokens(split), prepared.offsets(split)
        found += [opened.decode(ids[a : b - 1]) for a, b in itertools.pairwise(offsets)]
    assert sorted(found) == [" \n", " one\n\n", "four", "three"]
    assert prepared.duplicates == 1


@pytest.mark.parametrize("limit", [1, 7, 50])
def test_pieces_are_cut_before_spaces_wherever_they_were_cut_before(limit: int):
    text = "one two threefourfive six  seven " * 3
    whole = list(recut([(text, True), ("x", True)], limit))
    assert list(recut([(character, False) for character in text] + [("", True), ("x", True)], limit)) == whole
    assert "".join(piece for piece, _ in whole) == text + "x"
    assert [ends for _, ends in whole].count(True) == 2
    assert max(len(piece) for piece, _ in whole) <= limit
