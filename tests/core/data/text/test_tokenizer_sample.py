"""The sample of a large dataset that a tokenizer is trained on."""

import json
from pathlib import Path

import pytest

from core.data import DataFile, data_files
from core.data.text import preparation, prepare
from tests.core.text_specs import SMALL


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
