"""Reading options that are set with an upload: preparation uses them, and its key depends on them."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core.data import DataError, data_files
from core.data.image import prepare as prepare_images
from core.data.text import prepare as prepare_text
from core.formats.tables.reading import ReadingOptions
from core.spec.data import DataSpec

_TEXT = DataSpec.model_validate({"tokenizer": {"kind": "byte"}})


def test_each_table_is_read_by_its_own_column(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("title,body\n" + "".join(f"t{n},first text {n}\n" for n in range(5)))
    (tmp_path / "b.csv").write_text("body,title\n" + "".join(f"no {n},second text {n}\n" for n in range(5)))
    reading = {"a.csv": ReadingOptions("body"), "b.csv": ReadingOptions("title")}
    files = data_files([tmp_path / "a.csv", tmp_path / "b.csv"], "text", reading)
    prepared = prepare_text(files, _TEXT, tmp_path / "cache")
    assert prepared.train.documents + prepared.held_out.documents == 10
    # 10 texts of 12 or 13 characters; the titles are shorter.
    assert prepared.train.characters + prepared.held_out.characters == 5 * 12 + 5 * 13


def test_the_spec_takes_precedence(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("title,body\nlong title,b\nlonger title,c\n")
    files = data_files([tmp_path / "a.csv"], "text", {"a.csv": ReadingOptions("body")})
    spec = _TEXT.model_copy(update={"text_column": "title"})
    prepared = prepare_text(files, spec, tmp_path / "cache")
    assert prepared.train.characters + prepared.held_out.characters == len("long titlelonger title")


def test_another_column_is_another_preparation(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("title,body\n" + "".join(f"title {n},body {n}\n" for n in range(5)))
    keys = set()
    for column in ("title", "body"):
        files = data_files([tmp_path / "a.csv"], "text", {"a.csv": ReadingOptions(column)})
        keys.add(prepare_text(files, _TEXT, tmp_path / "cache").key)
    assert len(keys) == 2
    with pytest.raises(DataError, match="several columns of text"):
        prepare_text(data_files([tmp_path / "a.csv"]), _TEXT, tmp_path / "cache")


def test_a_table_of_images_is_read_by_its_own_column(tmp_path: Path) -> None:
    def png(value: int) -> bytes:
        out = io.BytesIO()
        Image.fromarray(np.full((16, 16, 3), value, np.uint8)).save(out, "PNG")
        return out.getvalue()

    table = pa.table({"before": [png(n) for n in range(6)], "after": [png(100 + n) for n in range(6)]})
    pq.write_table(table, tmp_path / "pairs.parquet")
    files = data_files([tmp_path / "pairs.parquet"], "image", {"pairs.parquet": ReadingOptions("after")})
    prepared = prepare_images(files, DataSpec(), tmp_path / "cache")
    pixels = np.concatenate([np.asarray(prepared.images("train")), np.asarray(prepared.images("held_out"))])
    assert sorted(pixels[:, 0, 0, 0].tolist()) == list(range(100, 106))


def test_options_survive_json_and_unknown_ones_are_ignored() -> None:
    assert ReadingOptions.of(ReadingOptions("x").facts()) == ReadingOptions("x")
    assert ReadingOptions().facts() == {}
    assert ReadingOptions.of(None) == ReadingOptions.of({"later": 1}) == ReadingOptions()
