"""Tokenizers whose regular expressions do not terminate, that crash, or that use all memory: refused at the upload and by the engine, within bounded time."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from core.data import DataError, DataFile
from core.data.text import pool, prepare
from core.formats import FormatError, inspect_file
from core.formats.text import tokenizer_trial
from core.formats.text.tokenizer_trial import TokenizerTrialError, try_tokenizer
from core.spec.data import DataSpec

Written = Callable[..., list[DataFile]]
_UPLOADED = DataSpec.model_validate({"tokenizer": {"kind": "uploaded"}})


def _tokenizer(change: Callable[[Tokenizer], object] = lambda _: None) -> str:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "b": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    change(tokenizer)
    content: str = tokenizer.to_str()
    return content


def _splits_by(pattern: str) -> str:
    return _tokenizer(lambda t: setattr(t, "pre_tokenizer", pre_tokenizers.Split(Regex(pattern), "isolated")))


def _replaces(pattern: str | Regex, text: str) -> str:
    return _tokenizer(lambda t: setattr(t, "normalizer", normalizers.Replace(pattern, text)))


_SLOW = {
    "pre-tokenizer": _splits_by(r"^(a+)+$"),
    "normalizer": _replaces(Regex(r"^(a|a)*$"), "x"),
    "of digits": _splits_by(r"(0|00)+\z(?<!0)"),
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_trial, "CPU_SECONDS", 4)
    monkeypatch.setattr(pool, "BATCH_CPU_SECONDS", 4)


@pytest.mark.parametrize("where", _SLOW)
def test_a_pattern_that_does_not_terminate_is_refused_at_the_upload(where: str) -> None:
    with pytest.raises(FormatError, match="backtracks without end") as caught:
        inspect_file(io.BytesIO(_SLOW[where].encode()), "tokenizer.json")
    assert caught.value.code == "pattern_too_slow"


def test_a_pattern_that_does_not_terminate_is_refused_by_the_engine(written: Written, tmp_path: Path) -> None:
    files = written(tokenizer__json=_SLOW["pre-tokenizer"], text__txt="one\ftwo\f" + "three " * 500)
    with pytest.raises(DataError) as caught:
        prepare(files, _UPLOADED, tmp_path / "cache")
    assert caught.value.code == "pattern_too_slow"
    assert caught.value.hint


def test_a_pattern_that_does_not_terminate_on_one_late_document_is_refused(
    written: Written, tmp_path: Path
) -> None:
    """Neither the built-in samples nor the beginning of the text show it."""
    text = "\f".join(f"document {number} " + "word " * 200 for number in range(200))
    files = written(tokenizer__json=_splits_by(r"^(q+)+$"), text__txt=f"{text}\f{'q' * 60}!")
    with pytest.raises(DataError) as caught:
        prepare(files, _UPLOADED, tmp_path / "cache")
    assert caught.value.code == "pattern_too_slow"


def test_a_broken_table_is_refused(written: Written, tmp_path: Path) -> None:
    broken = _tokenizer().replace(
        '"normalizer":null', '"normalizer":{"type":"Precompiled","precompiled_charsmap":"AQAAAAAAAAA="}'
    )
    assert "Precompiled" in broken
    with pytest.raises(FormatError) as caught:
        inspect_file(io.BytesIO(broken.encode()), "tokenizer.json")
    assert caught.value.code == "bad_tokenizer"
    files = written(tokenizer__json=broken, text__txt="one\ftwo\f" + "three " * 500)
    with pytest.raises(DataError) as told:
        prepare(files, _UPLOADED, tmp_path / "cache")
    assert told.value.code == "tokenizer_invalid"


def test_a_normalizer_that_expands_text_to_gigabytes_is_refused(written: Written, tmp_path: Path) -> None:
    greedy = _replaces("q", "x" * 100_000)
    text = "\f".join(f"document {number} " + "word " * 200 for number in range(200))
    files = written(tokenizer__json=greedy, text__txt=f"{text}\f{'q' * 100_000}")
    with pytest.raises(DataError, match="expands text very much") as caught:
        prepare(files, _UPLOADED, tmp_path / "cache")
    assert caught.value.code == "tokenizer_invalid"


def test_many_matches_that_are_each_within_the_librarys_own_limit_are_bounded_together() -> None:
    """Each takes half a second, so that none alone reaches the library's retry limit."""
    slow = _splits_by(r"(c+)+$")
    with pytest.raises(TokenizerTrialError) as caught:
        try_tokenizer(slow.encode(), [("c" * 22 + "!") * 1000])
    assert caught.value.code == "pattern_too_slow"


@pytest.mark.parametrize(
    "honest",
    [
        _tokenizer(),
        # The regular expressions of GPT-2 and GPT-4, as far as `tokenizers` includes them.
        _tokenizer(lambda t: setattr(t, "pre_tokenizer", pre_tokenizers.ByteLevel())),
        _splits_by(
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        ),
        _tokenizer(
            lambda t: setattr(
                t, "normalizer", normalizers.Sequence([normalizers.NFKC(), normalizers.BertNormalizer()])
            )
        ),
    ],
)
def test_common_tokenizers_are_accepted(honest: str, written: Written, tmp_path: Path) -> None:
    assert try_tokenizer(honest.encode()) >= 3
    files = written(tokenizer__json=honest, text__txt="one\ftwo\f" + "three " * 500)
    assert prepare(files, _UPLOADED, tmp_path / "cache").vocabulary_size >= 3
