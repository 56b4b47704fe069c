"""``seedbed dataset`` against the real service."""

import io
import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.client.conftest import Trainer
from tests.client.test_cli import Command, environ, job_file, run

__all__ = ["environ", "job_file", "run"]


def test_images_are_known_by_their_names_and_shown(run: Command, tmp_path: Path) -> None:
    pictures = tmp_path / "pets.zip"
    with zipfile.ZipFile(pictures, "w") as archive:
        for number in range(3):
            pixels = np.full((16, 16, 3), 80 * number, np.uint8)
            out = io.BytesIO()
            Image.fromarray(pixels).save(out, "PNG")
            archive.writestr(f"cat/{number}.png", out.getvalue())
    uploaded = run("dataset", "upload", pictures)
    assert uploaded.code == 0
    assert "3 images; ready for jobs" in uploaded.err
    shown = run("dataset", "show", uploaded.out.strip(), "--json").json
    assert (shown["modality"], shown["samples"], shown["documents"]) == ("image", 3, 0)
    assert "3 images" in run("dataset", "list").out
    sheet = tmp_path / "sheet.png"
    assert run("dataset", "contact-sheet", uploaded.out.strip(), "-o", sheet).code == 0
    with Image.open(sheet) as shown:
        assert shown.size == (3 * 66 - 2, 64)


def test_classes_of_texts_and_tags_of_words_are_shown(run: Command, tmp_path: Path) -> None:
    table, tagged = tmp_path / "train.csv", tmp_path / "dev.conll"
    table.write_text("text,label\n" + "".join(f"text {n},{'ham' if n % 3 else 'spam'}\n" for n in range(9)))
    tagged.write_text("Anna\tB-PER\nlives\tO\n\n")
    uploaded = run("dataset", "upload", table, tagged)
    assert uploaded.code == 0
    shown = run("dataset", "show", uploaded.out.strip()).out
    assert re.search(r"class +documents +held out +example", shown)
    assert re.search(r"ham +6 +0 +text 1", shown)
    assert re.search(r"PER +1 +1 +Anna", shown)


def test_recordings_are_known_by_their_names_and_shown(run: Command, tmp_path: Path) -> None:
    recordings = tmp_path / "digits.zip"
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 4000))
    with zipfile.ZipFile(recordings, "w") as archive:
        archive.mkdir("one")
        for number, sound in enumerate(samples):
            out = io.BytesIO()
            soundfile.write(out, sound, 8000, format="WAV")
            archive.writestr(f"one/{number}.wav", out.getvalue())
        archive.writestr("README.md", "digits")
    uploaded = run("dataset", "upload", recordings)
    assert uploaded.code == 0
    assert "3 recordings; ready for jobs" in uploaded.err
    assert "digits.zip: not read: 1 .md" in uploaded.err
    assert "digits.zip: not read: 1 .md" in run("dataset", "show", uploaded.out.strip()).out
    shown = run("dataset", "show", uploaded.out.strip(), "--json").json
    assert (shown["modality"], shown["samples"], shown["documents"]) == ("audio", 3, 0)
    assert "3 recordings" in run("dataset", "list").out
    sheet = tmp_path / "sheet.png"
    assert run("dataset", "contact-sheet", uploaded.out.strip(), "-o", sheet).code == 0
    with Image.open(sheet) as drawn:
        assert drawn.size == (3 * 164 - 4, 120)


def test_options_for_reading_tables_are_passed_on(run: Command, tmp_path: Path) -> None:
    table = tmp_path / "table.tsv"
    table.write_text("".join(f'{n}\t"Lorem" {n}\n' if n else "id\ttext\n" for n in range(4)))
    uploaded = run("dataset", "upload", table, "--delimiter", "tab", "--quote", "none")
    (file,) = run("dataset", "show", uploaded.out.strip(), "--json").json["file_list"]
    assert (file["delimiter"], file["quote"], file["documents"]) == ("\t", "none", 3)
    refused = run("dataset", "upload", table, "--delimiter", ",", "--quote", "x")
    assert refused.code != 0
    assert "quote" in refused.err


LATIN_1 = os.fsdecode(b"caf\xe9")
"""Arguments that are not UTF-8, as Python decodes them."""


@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("dataset", "upload", "{folder}/plain.txt", "--name", LATIN_1),
        ("dataset", "upload", f"{{folder}}/{LATIN_1}.txt"),
        ("dataset", "upload", "{folder}/plain.txt", "--text-column", LATIN_1),
        ("dataset", "upload", f"{{folder}}/missing {LATIN_1}"),
        ("dataset", "show", LATIN_1),
        ("job", "show", LATIN_1),
        ("job", "list", "--name", LATIN_1),
        ("job", "submit", "-f", "{job}", "--set", f"name={LATIN_1}"),
        ("job", "submit", "-f", f"{{folder}}/missing {LATIN_1}.yaml"),
        ("key", "create", LATIN_1),
    ],
    ids=lambda arguments: " ".join(arguments[:2]) if isinstance(arguments, tuple) else None,
)
def test_arguments_that_are_not_utf8_are_refused_in_one_line(
    run: Command, arguments: tuple[str, ...], flags: tuple[str, ...], tmp_path: Path, job_file: Path
) -> None:
    for name in ("plain.txt", f"{LATIN_1}.txt"):
        (tmp_path / name).write_text("Once upon a time there was a text.\n")
    given = [each.format(folder=tmp_path, job=job_file) for each in arguments]
    refused = run(*given, *flags)
    assert refused.code != 0
    assert "Traceback" not in refused.err
    assert refused.out == ""
    if flags:
        assert json.loads(refused.err)["error"]["detail"]
    else:
        text = " ".join(refused.err.split())
        assert "UTF-8" in text or "caf" in text
        assert text.count("rror") == 1


def test_text_is_uploaded_shown_and_deleted(run: Command, corpus: Path) -> None:
    uploaded = run("dataset", "upload", corpus, "--name", "docs")
    assert uploaded.code == 0
    assert "ready for jobs" in uploaded.err
    dataset = uploaded.out.strip()
    assert re.fullmatch(r"ds_[0-9a-z]{26}", dataset)
    (listed,) = run("dataset", "list", "--json").json
    assert (listed["id"], listed["name"], listed["state"]) == (dataset, "docs", "ready")
    assert dataset in run("dataset", "list").out
    assert run("dataset", "show", dataset, "--json").json["file_list"][0]["name"] == "corpus.txt"
    assert "corpus.txt" in run("dataset", "show", dataset).out
    assert "The 0th document" in run("dataset", "preview", dataset, "-n", "1").out
    assert len(run("dataset", "preview", dataset, "-n", "1", "--json").json["documents"]) == 1
    refused = run("dataset", "delete", dataset)
    assert refused.code == 2
    assert "--yes" in refused.err
    assert run("dataset", "delete", dataset, "--yes").code == 0
    assert run("dataset", "list", "--json").json == []


def test_a_failed_upload_is_continued(run: Command, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("Something good.")
    (tmp_path / "texts" / "b.txt").write_bytes(b"\xff\xfe\xff")
    failed = run("dataset", "upload", tmp_path / "texts")
    assert failed.code == 3
    assert "Traceback" not in failed.err
    found = re.search(r"--dataset (ds_\w+)", failed.err)
    assert found
    (tmp_path / "texts" / "b.txt").write_text("Better now.")
    done = run("dataset", "upload", tmp_path / "texts", "--dataset", found[1], "--json")
    assert done.code == 0
    assert (done.json["id"], done.json["name"], done.json["files"]) == (found[1], "texts", 2)


def test_a_version_is_uploaded_listed_and_gone_on_with(
    run: Command, tmp_path: Path, corpus: Path, dataset: str, job: str, trainer: Trainer
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "june.txt").write_text(corpus.read_text().upper())
    nothing = run("dataset", "continue", dataset)
    assert (nothing.code, nothing.out) == (1, "")
    assert "no job" in nothing.err.lower()
    # What the dataset has already is not sent again.
    uploaded = run("dataset", "upload", corpus, more, "--version-of", dataset)
    assert uploaded.code == 0, uploaded.err
    assert "version 2 added" in " ".join(uploaded.err.split())
    version = uploaded.out.strip()
    shown = run("dataset", "show", version, "--json").json
    assert (shown["parent"], shown["version"], shown["name"]) == (dataset, 2, "docs")
    assert [(file["name"], file["inherited"]) for file in shown["file_list"]] == [
        ("corpus.txt", True),
        ("june.txt", False),
    ]
    told = " ".join(run("dataset", "show", version).out.split())
    assert f"2, of {dataset}" in told
    assert "parent" in told
    listed = run("dataset", "versions", dataset, "--json").json
    assert [(one["id"], one["version"]) for one in listed] == [(version, 2), (dataset, 1)]
    assert version in run("dataset", "versions", version).out

    trainer.checkpoint(40, {"config.json": b"{}"})
    trainer.finish()
    proposed = run("dataset", "continue", version)
    assert proposed.code == 0, proposed.err
    assert job in proposed.err
    spec = tmp_path / "next.yaml"
    spec.write_text(proposed.out)
    submitted = run("job", "submit", "-f", spec)
    assert submitted.code == 0, submitted.err
    made = run("job", "show", submitted.out.strip(), "--json").json
    assert (made["dataset"], made["spec"]["data"]["files"]) == (version, "new")
    assert made["parent"]["job"] == job
    assert run("dataset", "continue", version, "--json").json["step"] == 40


def test_a_version_is_refused_with_the_reason(
    run: Command, tmp_path: Path, corpus: Path, dataset: str
) -> None:
    both = run("dataset", "upload", corpus, "--version-of", dataset, "--dataset", dataset)
    assert both.code == 2
    corpus.write_text("The same name with something else in it.")
    renamed = run("dataset", "upload", corpus, "--version-of", dataset)
    assert renamed.code == 1
    assert "another name" in " ".join(renamed.err.split())
    other = run("dataset", "upload", corpus, "--version-of", dataset, "--modality", "image")
    assert other.code == 3
    unknown = run("dataset", "upload", corpus, "--version-of", "ds_" + "0" * 26)
    assert unknown.code != 0
    assert "Traceback" not in unknown.err
