"""Every block of code of docs/deploying.md runs as it stands, on tiny checkpoints that the engine wrote."""

import importlib.util
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModelForMaskedLM, AutoTokenizer

from core.export.folder import export_checkpoint
from tests.core.deploying.conftest import Made, lay_out
from tests.core.deploying.hub import COMMIT, hub
from tests.core.deploying.recipes import blocks, run

BLOCKS = blocks()
SECONDS = 600
"""Seconds after which a waiting test fails; no test waits for this time to pass."""
FOLDERS = {
    "my-bert": "masked_lm",
    "my-gpt": "causal_lm-apart",
    "my-classifier": "text_classification",
    "my-tagger": "token_classification",
    "my-images": "image_classification",
    "my-sounds": "audio_classification",
    "my-speech": "speech_recognition",
}


@pytest.fixture
def folders(made: Made, place: Path) -> Path:
    """The current directory, with the folders of checkpoints that the page names."""
    for name, case in FOLDERS.items():
        lay_out(made(case), place / name)
    return place


def code(heading: str, number: int = 0) -> str:
    """A block of Python below a heading."""
    return [text for language, text in BLOCKS[heading] if language == "python"][number]


def test_no_block_is_left_untried() -> None:
    """Those below other headings would run in no test."""
    assert {heading: len(found) for heading, found in BLOCKS.items()} == {
        "Text": 4,
        "Images": 1,
        "Recordings": 2,
        "A server with OpenAI's interface: transformers serve": 3,
        "ONNX Runtime": 1,
        "Embeddings: sentence-transformers": 1,
        "MLflow's model registry": 2,
        "The Hugging Face Hub": 1,
    }


@pytest.mark.usefixtures("folders")
def test_pipelines_of_text() -> None:
    words = run(code("Text", 0))["words"]
    assert len(words) == 5
    assert 0 < words[0]["score"] <= 1
    text = run(code("Text", 1))["continued"]["generated_text"]
    assert text.startswith("The statement")
    classes = run(code("Text", 2))["classes"]
    assert len(classes) > 1
    assert sum(found["score"] for found in classes) == pytest.approx(1, abs=1e-4)
    assert isinstance(run(code("Text", 3))["entities"], list)


@pytest.mark.usefixtures("folders")
def test_pipelines_of_images_and_recordings() -> None:
    assert sum(found["score"] for found in run(code("Images"))["classes"]) == pytest.approx(1, abs=1e-4)
    classes = run(code("Recordings", 0))["classes"]
    assert {found["label"] for found in classes} == {"up", "down"}
    assert isinstance(run(code("Recordings", 1))["transcript"], str)


@pytest.fixture
def serving(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment variables with which `transformers serve` finds its packages.

    The package openai is not among the locked ones, so it is installed into a directory of its own where it is missing.
    """
    if importlib.util.find_spec("openai"):
        return dict(os.environ)
    place = tmp_path_factory.mktemp("openai")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(place)]
    done = subprocess.run(
        [*command, "openai", "distro", "jiter", "sniffio", "tqdm"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"openai cannot be installed from the package index: {done.stderr[-300:]}")
    return {**os.environ, "PYTHONPATH": str(place)}


@pytest.fixture
def server(folders: Path, serving: dict[str, str]) -> Iterator[int]:
    """The port of the page's server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    (install, command, _) = [
        text for _, text in BLOCKS["A server with OpenAI's interface: transformers serve"]
    ]
    assert install == 'pip install "transformers[serving]"\n'
    name, *arguments = command.replace("8000", str(port)).split()
    log = folders / "serve.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [Path(sys.executable).with_name(name), *arguments],
            cwd=folders,
            env={**serving, "HF_HUB_OFFLINE": "1"},
            stdout=out,
            stderr=out,
        ) as process,
    ):
        try:
            _await(port, process, log)
            yield port
        finally:
            process.kill()


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until something listens on the port."""
    for _ in range(SECONDS * 4):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        try:
            process.wait(0.25)
        except subprocess.TimeoutExpired:
            continue
        pytest.fail(f"the server ended: {log.read_text()[-2000:]}")
    pytest.fail(f"the server does not answer: {log.read_text()[-2000:]}")


def test_transformers_serves_a_gpt_as_openai_does(server: int) -> None:
    recipe = code("A server with OpenAI's interface: transformers serve")
    try:
        completion = run(recipe.replace("8000", str(server)))["completion"]
    except urllib.error.HTTPError as error:
        pytest.fail(error.read().decode())
    assert completion["object"] == "text_completion"
    assert isinstance(completion["choices"][0]["text"], str)
    assert completion["usage"]["completion_tokens"] > 0


def test_onnx_runtime_computes_what_torch_computes(folders: Path) -> None:
    (folders / "my-bert-onnx").mkdir()
    export_checkpoint(folders / "my-bert", folders / "my-bert-onnx")
    variables = run(code("ONNX Runtime"))
    model = AutoModelForMaskedLM.from_pretrained("my-bert").eval()
    tokenizer = AutoTokenizer.from_pretrained("my-bert")
    texts = ["The statement", "A second and longer statement"]
    with torch.no_grad():
        expected = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits.numpy()
    np.testing.assert_allclose(variables["output"], expected, atol=1e-4)


@pytest.mark.usefixtures("folders")
def test_sentence_transformers_embeds() -> None:
    vectors = run(code("Embeddings: sentence-transformers"))["vectors"]
    assert vectors.shape == (2, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert not np.allclose(vectors[0], vectors[1])


def test_mlflow_registers_a_checkpoint_and_gives_it_back(folders: Path) -> None:
    # In processes of their own: MLflow keeps the address of its store, and uses what its libraries have deprecated.
    heading, home = "MLflow's model registry", {**os.environ, "HOME": str(folders)}
    register = code(heading, 0) + "print(version.version)"
    load = code(heading, 1) + "print(folder, len(classes))"
    out = [
        subprocess.run(
            [sys.executable, "-c", recipe],
            cwd=folders,
            env=home,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        for recipe in (register, load)
    ]
    assert out[0].split() == ["1"]
    folder, classes = out[1].split()
    weights = (folders / "my-classifier" / "model.safetensors").read_bytes()
    assert (Path(folder) / "model.safetensors").read_bytes() == weights
    assert int(classes) > 1


def test_the_hub_takes_a_folder_with_its_card(folders: Path) -> None:
    (folders / "my-bert" / "README.md").write_text("---\nlibrary_name: transformers\n---\n\n# my-bert\n")
    (folders / "my-bert" / "manifest.json").write_text("{}")
    (folders / "my-bert" / "trainer").mkdir(exist_ok=True)
    (folders / "my-bert" / "trainer" / "state.json").write_text("{}")
    with hub() as there:
        # In a process of its own, since the library reads the address of the Hub when it is imported.
        done = subprocess.run(
            [sys.executable, "-c", code("The Hugging Face Hub")],
            cwd=folders,
            env={
                **os.environ,
                "HF_ENDPOINT": there.url,
                "HF_TOKEN": "hf_test",
                "HF_HOME": str(folders / "home"),
                "HF_HUB_DISABLE_XET": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{there.url}/someone/my-bert/commit/{COMMIT}\n"
    [repository] = there.repositories
    assert (repository["organization"], repository["name"]) == ("someone", "my-bert")
    assert there.tokens == {"Bearer hf_test"}
    sent = {
        path.relative_to(folders / "my-bert").as_posix(): path.read_bytes()
        for path in (folders / "my-bert").rglob("*")
        if path.is_file() and path.name != "manifest.json" and "trainer" not in path.parts
    }
    assert there.committed == sent
    assert list(there.objects.values()) == [sent["model.safetensors"]]
    assert {ModelCard(text).data.library_name for text in there.validated} == {"transformers"}
