"""Evaluations of tasks that learn labels: measures with intervals, reports, and classes that are matched by name."""

import copy
import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.core.assessment.conftest import Evaluate, Train, measures
from tests.core.image_jobs import image_job, striped_images
from tests.core.training.reference.jobs import CASES

REPORTS = {
    "image_classification-resnet": {"confusion_matrix", "reliability", "per_class", "mistakes"},
    "text_classification": {"confusion_matrix", "reliability", "per_class", "mistakes"},
    "text_classification-modernbert": {"reliability", "per_class", "label_mistakes"},
    "text_classification-gpt2": {"scatter", "number_mistakes"},
    "token_classification": {"entity_types", "tag_mistakes"},
    "audio_classification": {"confusion_matrix", "reliability", "per_class", "mistakes"},
    "speech_recognition": {"utterances"},
}


def _job(name: str) -> dict[str, Any]:
    document = copy.deepcopy(CASES[name].document)
    document["training"] |= {"steps": 2, "evaluation_sequences": 100_000, "checkpoint_every": None}
    document["training"] |= {"evaluate_every": None, "log_every": 1}
    document["training"].pop("ema_decay", None)
    return document


@pytest.mark.parametrize("name", REPORTS)
def test_measures_are_those_of_the_run_and_have_intervals(
    name: str, request: pytest.FixtureRequest, train: Train, assess: Evaluate
) -> None:
    data: Path = request.getfixturevalue(CASES[name].data)
    checkpoint = train(_job(name), data)
    told = json.loads((checkpoint / "manifest.json").read_text())["metrics"]
    report = assess(checkpoint, data, probes=False)
    found = measures(report, "task")
    assert {f"eval/{one}" for one in found} == {one for one in told if one.startswith("eval/")}
    for one, measure in found.items():
        assert measure["value"] == pytest.approx(told[f"eval/{one}"], rel=1e-4, abs=1e-4), one
        assert measure["low"] <= measure["high"], one
    [section] = [part for part in report["sections"] if part["name"] == "task"]
    assert {document["kind"] for document in section["documents"]} == REPORTS[name]
    assert section["units"] > 8
    expected = {"audio_classification": "recordings", "token_classification": "sentences"}
    expected |= {"speech_recognition": "utterances", "image_classification-resnet": "images"}
    assert section["unit"] == expected.get(name, "documents")


@pytest.mark.parametrize("name", ["token_classification", "speech_recognition", "text_classification-gpt2"])
@pytest.mark.parametrize("split", ["train", "all"])
def test_every_split_is_measured_by_its_own_labels(
    name: str, split: str, request: pytest.FixtureRequest, train: Train, assess: Evaluate
) -> None:
    """With the labels of other samples a trained model would be no better than chance."""
    data: Path = request.getfixturevalue(CASES[name].data)
    checkpoint = train(_job(name), data)
    parts = {one: assess(checkpoint, data, probes=False, split=one) for one in ("train", "held_out", "all")}
    units = {one: report["sections"][-1]["units"] for one, report in parts.items()}
    assert units["all"] == units["train"] + units["held_out"]
    key = "wer" if name == "speech_recognition" else "loss"
    values = {one: measures(report, "task")[key]["value"] for one, report in parts.items()}
    assert (
        min(values["train"], values["held_out"]) <= values["all"] <= max(values["train"], values["held_out"])
    )
    assert measures(parts[split], "task")[key]["low"] is not None


def _renamed(source: Path, target: Path, names: dict[str, str]) -> Path:
    """A copy of an archive with other names of folders; those without one are left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.namelist():
            folder, name = member.split("/")
            if folder in names:
                new.writestr(f"{names[folder]}/{name}", old.read(member))
    return target


def test_classes_are_matched_by_name(tmp_path: Path, train: Train, assess: Evaluate) -> None:
    images = striped_images(tmp_path / "images.zip")
    checkpoint = train(
        image_job("image_classification", model={"preset": "resnet-mini"}, training={"steps": 4}), images
    )
    [own] = assess(checkpoint, images, probes=False, split="all")["sections"]
    [rows] = [one["rows"] for one in own["documents"] if one["kind"] == "per_class"]
    recall = {row["class"]: row["recall"] for row in rows}

    # The known class is the first of this dataset and the second of the checkpoint.
    other = _renamed(images, tmp_path / "other.zip", {"standing": "standing", "lying": "zebra"})
    report = assess(checkpoint, other, probes=False, split="all")
    assert measures(report, "task")["accuracy"]["value"] == pytest.approx(recall["standing"])
    [section] = report["sections"]
    assert section["units"] == 48
    assert "'zebra'): 48 samples of them are not counted" in section["counted"]
    assert "none of 1 of the checkpoint's classes ('lying')" in section["counted"]

    unknown = _renamed(images, tmp_path / "unknown.zip", {"standing": "cat", "lying": "dog"})
    failed = assess(checkpoint, unknown, probes=False)
    assert failed["code"] == "checkpoint_mismatch"
    assert "'cat', 'dog'" in failed["message"]
    assert "'lying', 'standing'" in failed["message"]


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        ("text_classification", {"other": "zzz", "article": "article"}),
        ("text_classification-modernbert", {"comma": "zzz", "dot": "dot", "bracket": "a bracket"}),
        ("token_classification", {"name": "a name", "sign": "sign"}),
    ],
)
def test_classes_of_text_are_matched_by_name(
    name: str,
    renamed: dict[str, str],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    train: Train,
    assess: Evaluate,
) -> None:
    data: Path = request.getfixturevalue(CASES[name].data)
    checkpoint = train(_job(name), data)
    content = data.read_text()
    for old, new in renamed.items():
        content = content.replace(f'"{old}"', f'"{new}"').replace(f"-{old}\n", f"-{new}\n")
    other = tmp_path / data.name
    other.write_text(content)
    report = assess(checkpoint, other, probes=False)
    assert report["event"] == "evaluated", report
    [section] = report["sections"]
    unknown = next(new for old, new in renamed.items() if old != new)
    assert f"{unknown}'" in section["counted"]
    known = next(old for old, new in renamed.items() if old == new)
    of = {row.get("class", row.get("type")) for one in section["documents"] for row in one.get("rows", ())}
    assert known in of
    assert unknown not in of


def test_a_recogniser_is_evaluated_with_its_own_characters(
    tones: Path, tmp_path: Path, train: Train, assess: Evaluate
) -> None:
    checkpoint = train(_job("speech_recognition"), tones)
    other = tmp_path / "tones.zip"
    with zipfile.ZipFile(tones) as old, zipfile.ZipFile(other, "w") as new:
        for member in old.namelist():
            content = old.read(member)
            if not member.endswith(".wav"):
                content = content.replace(b"a", b"\xc3\xa4").replace(b"p\xc3\xa4th", b"path")
            new.writestr(member, content)
    report = assess(checkpoint, other, probes=False)
    assert measures(report, "task")["cer"]["value"] > 0


def test_two_classifiers_are_compared_on_the_same_samples(
    labelled_sentences: Path, train: Train, assess: Evaluate
) -> None:
    """Whatever their tokenizers and the order of their classes."""
    job = _job("text_classification")
    first = train(job, labelled_sentences)
    job["data"]["tokenizer"] = {"kind": "byte"}
    second = train(job, labelled_sentences)
    report = assess(first, labelled_sentences, against=second, probes=False)
    [section] = report["sections"]
    assert section["paired"]
    found = measures(report, "task")
    for name in ("accuracy", "macro_f1", "calibration_error", "auroc"):
        assert found[name]["difference"]["low"] <= found[name]["difference"]["high"]
    assert found["accuracy"]["mcnemar"]["p_value"] <= 1


@pytest.mark.parametrize("name", ["masked_lm", "causal_lm-llama", "text_denoising_autoencoder"])
def test_encoders_of_text_have_probes_on_labelled_text(
    name: str,
    sentences: Path,
    labelled_sentences: Path,
    tagged_sentences: Path,
    tmp_path: Path,
    train: Train,
    assess: Evaluate,
) -> None:
    """On whole documents with classes; tags of words are no classes of documents."""
    checkpoint = train(_job(name), sentences)
    labelled = tmp_path / "labelled.csv"
    rows = [json.loads(line) for line in labelled_sentences.read_text().splitlines()]
    with labelled.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((row["text"], row["kind"]) for row in rows)])
    report = assess(checkpoint, labelled)
    found = measures(report, "probes")
    assert set(found) == {"knn_accuracy", "linear_accuracy"}
    assert all(0.3 < one["value"] <= 1 for one in found.values())
    [section] = [part for part in report["sections"] if part["name"] == "probes"]
    assert section["unit"] == "documents"
    assert 10 < section["units"] < 120
    assert "probes" not in {part["name"] for part in assess(checkpoint, labelled, probes=False)["sections"]}

    of_tags = {part["name"] for part in assess(checkpoint, tagged_sentences)["sections"]}
    assert of_tags == ({"language", "task"} if name.startswith("causal") else {"task"})
