"""Prepared data: built once, shared, and used only when it is complete."""

import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

from core.data import DataError, DataFile
from core.data.text import PreparedText, cache_key, open_prepared, prepare
from core.formats import read_documents
from core.spec.data import DataSpec
from tests.core.text_specs import SMALL, Written, content


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


def test_prepared_data_is_reused(corpus: list[DataFile], prepared: PreparedText):
    spec = DataSpec.model_validate({"tokenizer": {"vocabulary_size": 1000}, "held_out_fraction": 0.2})
    again = prepare(corpus, spec, prepared.directory.parent)
    assert again.cached
    assert not prepared.cached
    assert replace(again, cached=False) == prepared
    assert prepared.directory.name == prepared.key


def test_the_key_depends_on_what_changes_the_data_and_nothing_else(corpus: list[DataFile]):
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
    # Each document has a character of its own, so that the vocabulary shows which documents it was trained on.
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
    assert np.count_nonzero(np.isin(ids, result.special_ids.all)) == 2  # [SEP] after each document


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
def test_incomplete_prepared_data_is_built_again(corpus: list[DataFile], tmp_path: Path, damage: str):
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
def test_invalid_data_is_refused(
    written: Written, tmp_path: Path, code: str, said: str, contents: dict[str, str | bytes]
):
    spec = DataSpec(text_column="body")
    with pytest.raises(DataError) as caught:
        prepare(written(**contents), spec, tmp_path / "cache")
    assert caught.value.code == code
    assert said in caught.value.message
    assert caught.value.hint


def test_exactly_one_uploaded_tokenizer_is_required(written: Written, tmp_path: Path):
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
