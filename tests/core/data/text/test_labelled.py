"""Text with labels: read from columns and folders, split by class, and stored beside the tokens."""

import csv
import io
import itertools
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from core.data import DataError, data_files
from core.data.text import PreparedText, document_samples, prepare
from core.spec.data import DataSpec
from tests.core.text_specs import Written, content


def spec(labels: str = "one", **text: Any) -> DataSpec:
    document = {
        "text": {"labels": labels, **text},
        "tokenizer": {"vocabulary_size": 400},
        "held_out_fraction": 0.2,
    }
    return DataSpec.model_validate(document)


def table(rows: list[tuple[Any, ...]], header: tuple[str, ...] = ("text", "label")) -> str:
    file = io.StringIO()
    csv.writer(file).writerows([header, *rows])
    return file.getvalue()


def read(prepared: PreparedText) -> dict[str, tuple[str, Any]]:
    """Split and class of each document, by its text."""
    tokenizer = Tokenizer.from_file(str(prepared.tokenizer_directory / "tokenizer.json"))
    found = {}
    for split in ("train", "held_out"):
        ids, offsets = prepared.tokens(split), prepared.offsets(split)
        for (a, b), label in zip(itertools.pairwise(offsets), prepared.labels(split), strict=True):
            text = tokenizer.decode(ids[int(a) : int(b) - 1].tolist())
            found[text] = (split, prepared.classes[label] if label >= 0 else None)
    return found


ROWS = [(f"{name} text number {number}", name) for number in range(20) for name in ("ham", "spam")] + [
    (f"rare text {number}", "rare") for number in range(2)
]


def test_a_column_of_labels_in_every_format(written: Written, tmp_path: Path):
    lines = "".join(json.dumps({"text": text, "category": label}) + "\n" for text, label in ROWS)
    pq.write_table(
        pa.table({"text": [text for text, _ in ROWS], "class": [label for _, label in ROWS]}),
        tmp_path / "p.parquet",
    )
    files = [written(a__csv=table(ROWS)), written(b__jsonl=lines), data_files([tmp_path / "p.parquet"])]
    found = [read(prepare(one, spec(), tmp_path / "cache")) for one in files]
    assert found[0] == found[1] == found[2]
    assert {text: label for text, (_, label) in found[0].items()} == dict(ROWS)


def test_the_held_out_split_has_the_classes_in_their_proportions(written: Written, tmp_path: Path):
    prepared = prepare(written(a__csv=table(ROWS)), spec(), tmp_path / "cache")
    assert prepared.classes == ("ham", "rare", "spam")
    assert np.bincount(prepared.labels("held_out")).tolist() == [4, 1, 4]
    assert np.bincount(prepared.labels("train")).tolist() == [16, 1, 16]
    assert not prepared.label_facts.own_split  # type: ignore[union-attr]


def test_documents_that_pretraining_holds_out_are_held_out(written: Written, tmp_path: Path):
    files = written(a__csv=table([(f"text number {number}", number % 2) for number in range(300)]))
    tokens = {}
    for name, settings in (("pretraining", DataSpec(held_out_fraction=0.2)), ("labels", spec())):
        prepared = prepare(files, settings, tmp_path / "cache")
        ids, offsets = prepared.tokens("held_out"), prepared.offsets("held_out")
        tokens[name] = {ids[int(a) : int(b)].tobytes() for a, b in itertools.pairwise(offsets)}
    common = tokens["labels"] & tokens["pretraining"]
    assert len(common) >= 0.8 * len(tokens["labels"])


def test_the_tokenizer_is_the_one_of_pretraining(written: Written, tmp_path: Path):
    files = written(
        a__csv=table([(f"{'wonderful' if n % 3 else 'terrible'} book {n}", n % 3) for n in range(60)])
    )
    without = spec().model_copy(update={"text": spec().text.model_copy(update={"labels": None})})
    after = prepare(files, without, tmp_path / "after")
    before = {**content(after.directory)}
    labelled = prepare(files, spec(), tmp_path / "after")
    alone = prepare(files, spec(), tmp_path / "alone")
    assert content(labelled.directory) == content(alone.directory)
    assert content(labelled.tokenizer_directory) == content(after.tokenizer_directory)
    assert content(after.directory) == before
    assert labelled.key != after.key
    assert prepare(files, spec(), tmp_path / "after").cached


def test_splits_by_the_names_of_files(written: Written, tmp_path: Path):
    files = written(
        train__csv=table([("a", "x"), ("b", "y"), ("both", "x")]),
        dev__csv=table([("c", "y"), ("both", "x")]),
        test__csv=table([("d", "x")]),
    )
    prepared = prepare(files, spec(), tmp_path / "cache")
    assert read(prepared) == {
        "a": ("train", "x"),
        "b": ("train", "y"),
        "both": ("held_out", "x"),
        "c": ("held_out", "y"),
        "d": ("held_out", "x"),
    }
    assert prepared.label_facts.own_split  # type: ignore[union-attr]


def test_splits_by_a_column(written: Written, tmp_path: Path):
    rows = [("a", "x", "train"), ("b", "y", "Training"), ("c", "x", "validation"), ("d", "y", "dev")]
    files = written(a__csv=table(rows, ("text", "label", "part")))
    found = read(prepare(files, spec(split_column="part"), tmp_path / "cache"))
    assert {text: split for text, (split, _) in found.items()} == {
        "a": "train",
        "b": "train",
        "c": "held_out",
        "d": "held_out",
    }
    wrong = written(a__csv=table([*rows, ("e", "x", "maybe")], ("text", "label", "part")))
    with pytest.raises(DataError, match=r"a\.csv: line 6: 'part' is 'maybe', which names no split"):
        prepare(wrong, spec(split_column="part"), tmp_path / "cache")


@pytest.mark.parametrize("packed", [True, False])
def test_folders_are_classes(tmp_path: Path, packed: bool):  # noqa: FBT001
    texts = {
        f"{split}/{name}/{n}.txt": f"{name} {split} {n}\n\n" + "long " * 900
        for n in range(2)
        for name in ("neg", "pos")
        for split in ("train", "test")
    }
    if packed:
        with zipfile.ZipFile(tmp_path / "reviews.zip", "w") as archive:
            for name, text in texts.items():
                archive.writestr(f"reviews/{name}", text)
        files = data_files([tmp_path / "reviews.zip"])
    else:
        for name, text in texts.items():
            path = tmp_path / "reviews" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        files = data_files([tmp_path / "reviews"])
    found = read(prepare(files, spec(), tmp_path / "cache"))
    assert {text.partition("\n")[0]: where for text, where in found.items()} == {
        f"{name} {split} {n}": ("train" if split == "train" else "held_out", name)
        for n in range(2)
        for name in ("neg", "pos")
        for split in ("train", "test")
    }


def test_several_labels(written: Written, tmp_path: Path):
    rows = [
        *((f"text {n}", json.dumps(["a", "b"] if n % 2 else ["b"])) for n in range(20)),
        ("none", "[]"),
        ("?", ""),
    ]
    prepared = prepare(written(a__csv=table(rows)), spec("several"), tmp_path / "cache")
    assert prepared.classes == ("a", "b")
    sets = np.concatenate([prepared.label_sets("train"), prepared.label_sets("held_out")])
    assert sets.dtype == bool
    assert sets.sum(axis=0).tolist() == [10, 20]
    labels = np.concatenate([prepared.labels("train"), prepared.labels("held_out")])
    assert sorted(labels.tolist()) == [-1] + [0] * 21
    assert prepared.label_facts.unlabelled_at == ("a.csv, line 23",)  # type: ignore[union-attr]
    assert prepared.label_sets("held_out").any(axis=0).all()


def test_no_class_is_only_held_out(written: Written, tmp_path: Path):
    # Each text is in the stratum of its rarest class; "c" is in two strata of two texts.
    rows = [
        (f"{name} {n}", json.dumps(["c", name] if n % 2 else [name])) for name in "abdefgh" for n in range(2)
    ]
    for count in range(4, len(rows) + 1, 2):
        prepared = prepare(written(a__csv=table(rows[:count])), spec("several"), tmp_path / "cache")
        assert prepared.label_sets("train").any(axis=0).all()
        assert prepared.held_out.documents


def test_lists_and_named_classes_of_parquet(tmp_path: Path):
    feature = {"labels": {"feature": {"names": ["joy", "fear"], "_type": "ClassLabel"}, "_type": "Sequence"}}
    rows = pa.table({"text": ["a", "b", "c", "d"], "labels": [[0, 1], [1], None, [1, 0]]})
    metadata = {"huggingface": json.dumps({"info": {"features": feature}})}
    pq.write_table(rows.replace_schema_metadata(metadata), tmp_path / "p.parquet")
    prepared = prepare(data_files([tmp_path / "p.parquet"]), spec("several"), tmp_path / "cache")
    assert prepared.classes == ("fear", "joy")
    assert prepared.label_facts.unlabelled == 1  # type: ignore[union-attr]


def test_numbers(written: Written, tmp_path: Path):
    rows = [*((f"text {n}", n / 2) for n in range(10)), ("none", "")]
    prepared = prepare(written(a__csv=table(rows, ("text", "score"))), spec("number"), tmp_path / "cache")
    values = np.concatenate([prepared.values("train"), prepared.values("held_out")])
    assert sorted(values[~np.isnan(values)].tolist()) == [n / 2 for n in range(10)]
    assert prepared.classes == ()
    assert (
        sorted(np.concatenate([prepared.labels("train"), prepared.labels("held_out")]).tolist())
        == [-1] + [0] * 10
    )


def test_of_equal_texts_the_first_label_is_kept_and_the_others_are_reported(written: Written, tmp_path: Path):
    rows = [
        ("same", "x"),
        ("other", "y"),
        ("same", "y"),
        ("same", "x"),
        ("late", ""),
        ("late", "y"),
        ("last", "x"),
    ]
    prepared = prepare(written(a__csv=table(rows)), spec(), tmp_path / "cache")
    assert {text: label for text, (_, label) in read(prepared).items()} == {
        "same": "x",
        "other": "y",
        "late": "y",
        "last": "x",
    }
    facts = prepared.label_facts
    assert facts is not None
    assert (facts.conflicts, facts.conflicts_at) == (1, ("a.csv, line 4",))
    assert prepared.facts["conflicts"] == 1


@pytest.mark.parametrize(
    ("contents", "labels", "message"),
    [
        (
            {"a__csv": 'text,label\na,"[1"\nb,2\n'},
            "several",
            r"a\.csv: line 2: 'label' '\[1' begins like a JSON",
        ),
        ({"a__csv": "text,label\na,1\nb,high\n"}, "number", r"a\.csv: line 3: 'label' 'high' is no number"),
        (
            {"a__jsonl": '{"text": "a", "label": 1}\n{"text": "b", "label": ["x", "y"]}\n'},
            "one",
            r"a\.jsonl: line 2: 'label' holds 2 labels",
        ),
        (
            {"train__csv": "text,label\na,x\nb,y\n", "test__csv": "text,label\nc,x\nd,z\n"},
            "one",
            r"1 of the held-out split's classes have no sample in the training split: 'z' \(test\.csv, line 3\)",
        ),
        ({"test__csv": "text,label\na,x\nb,y\n"}, "one", "All texts are held out"),
        ({"a__csv": "text,label\na,x\na,y\n"}, "one", "The data holds 1 different text"),
        ({"a__csv": "text,label\na,x\nb,y\n"}, "one", "No class has two texts"),
    ],
)
def test_bad_labels_name_file_and_line(
    written: Written, tmp_path: Path, contents: dict[str, str], labels: str, message: str
):
    with pytest.raises(DataError, match=message):
        prepare(written(**contents), spec(labels), tmp_path / "cache")


def test_a_column_that_is_not_there(written: Written, tmp_path: Path):
    files = written(a__csv="text,kind\na,x\nb,y\nc,x\nd,y\n")
    with pytest.raises(
        DataError, match=r"has no column 'sort'; beside the text its columns are 'kind'.*label_column"
    ):
        prepare(files, spec(label_column="sort"), tmp_path / "cache")
    assert prepare(files, spec(label_column="kind"), tmp_path / "cache").classes == ("x", "y")


def test_rows_of_documents(written: Written, tmp_path: Path):
    rows = [("a", "x"), ("b c d e f g h i j k l m n o p q r s t u v w x y z", "y"), ("q", "x"), ("w", "y")]
    files = written(a__csv=table(rows))
    byte = spec().model_copy(update={"tokenizer": spec().tokenizer.model_copy(update={"kind": "byte"})})
    prepared = prepare(files, byte, tmp_path / "cache")
    special = prepared.special_ids
    splits = [document_samples(prepared, split, 16) for split in ("train", "held_out")]
    assert [samples.sequence_length for samples in splits] == [16, 16]
    assert sum(samples.truncated for samples in splits) == 1
    for samples, split in zip(splits, ("train", "held_out"), strict=True):
        ids = samples.rows(np.arange(len(samples)))
        assert ids.shape == (len(samples), 16)
        assert samples.labels is not None
        assert samples.labels.tolist() == prepared.labels(split).tolist()  # type: ignore[arg-type]
        for row, length in zip(ids.tolist(), samples.lengths.tolist(), strict=True):
            assert row[0] == special.cls
            assert row[length - 1] == special.sep
            assert row[length:] == [special.pad] * (16 - length)
            assert special.sep not in row[1 : length - 1]
    short = document_samples(prepared, "train", 128)
    assert short.sequence_length == len(rows[1][0]) + 2
    assert short.truncated == 0
