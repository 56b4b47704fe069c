"""A real engine for every test that needs one: forked from one preloaded server, on a small real text."""

import contextlib
import io
import json
import os
import select
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.core.tasks.image_tasks import coloured_pictures

ROOT = Path(__file__).parents[2]
SECONDS = 60
"""Seconds after which a waiting test fails; no test waits for this time to pass."""


@dataclass
class Server:
    """A preloaded server and the path of its socket."""

    process: subprocess.Popen[bytes]
    path: Path

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(SECONDS)
        connection.connect(str(self.path))
        return connection

    def request(
        self, argv: list[str], log: Path, *, env: dict[str, str] | None = None, cwd: Path = ROOT
    ) -> "Engine":
        """Request an engine."""
        connection = self.connect()
        reader, writer = os.pipe()
        message = {"argv": argv, "cwd": str(cwd), "env": env if env is not None else dict(os.environ)}
        with log.open("ab") as file:
            fds = [file.fileno(), file.fileno(), writer]
            socket.send_fds(connection, [json.dumps(message).encode() + b"\n"], fds)
        os.close(writer)
        answers = connection.makefile("rb")
        pid = json.loads(answers.readline())["pid"]
        return Engine(connection, answers, os.fdopen(reader, "rb"), log, pid, os.pidfd_open(pid))


@dataclass
class Engine:
    """A running engine, from its supervisor's side."""

    connection: socket.socket
    answers: Any
    stream: Any
    log: Path
    pid: int
    pidfd: int
    seen: list[dict[str, Any]] = field(default_factory=list)

    def events(self) -> Iterator[dict[str, Any]]:
        for line in self.stream:
            event = json.loads(line)
            self.seen.append(event)
            yield event

    def until(self, kind: str, step: int = 0) -> dict[str, Any]:
        """The next event of a kind, at a step or later."""
        for event in self.events():
            if event["event"] == kind and event.get("step", 0) >= step:
                return event
        raise AssertionError(f"no {kind} in {self.seen}\n{self.log.read_text()}")

    def signal(self, number: int) -> None:
        self.connection.sendall(json.dumps({"signal": number}).encode() + b"\n")

    def end(self) -> dict[str, Any]:
        """The server's last message about it, once all its events are read."""
        for _ in self.events():
            pass
        answer: dict[str, Any] = json.loads(self.answers.readline())
        assert answer.pop("pid") == self.pid
        return answer

    def gone(self) -> bool:
        """Whether it ends within the time limit."""
        return bool(select.select([self.pidfd], [], [], SECONDS)[0])

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.seen if event["event"] == kind]

    def close(self) -> None:
        os.close(self.pidfd)
        self.stream.close()
        self.answers.close()
        self.connection.close()


@contextlib.contextmanager
def serving(
    directory: Path, *, module: str | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start a separate preloaded server; ``module``: a variant for tests, such as `tests.core.mortal`."""
    path = directory / "engine.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        fd, parent = str(listener.fileno()), str(os.getpid())
        command = ["core", "serve", "--fd", fd, "--parent", parent]
        if module is not None:
            command = [module, fd, parent]
        process = subprocess.Popen(
            [sys.executable, "-m", *command], pass_fds=[listener.fileno()], cwd=ROOT, env=environment
        )
    with process:
        try:
            yield Server(process, path)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def engine_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The preloaded server that tests share."""
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def mortal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A preloaded server whose engines can be killed at a given step."""
    with serving(tmp_path_factory.mktemp("mortal"), module="tests.core.mortal") as server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A preloaded server for a test that kills it."""
    with serving(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of some 90 kB in 40 documents: a part of Python's own documentation."""
    path = tmp_path_factory.mktemp("corpus") / "topics.jsonl"
    chosen = sorted(topics.values())[:40]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in chosen))
    return path


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared data, shared by the tests."""
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture
def spec() -> dict[str, Any]:
    """A small job with every feature that could break exactness: dropout, accumulation, clipping. In fp32, which takes a
    similar time on every processor."""
    return {
        "name": "small",
        "task": {"kind": "masked_lm"},
        "model": {"layers": 2, "hidden_size": 32, "heads": 2, "dropout": 0.1},
        "data": {"tokenizer": {"kind": "bpe", "vocabulary_size": 600}},
        "training": {
            "steps": 16,
            "batch_size": 8,
            "accumulation_steps": 2,
            "sequence_length": 32,
            "seed": 7,
            "precision": "fp32",
            "schedule": {"kind": "cosine", "warmup_steps": 4},
            "log_every": 1,
            "evaluate_every": 4,
            "evaluation_sequences": 16,
            "checkpoint_every": 3,
        },
        "resources": {"device": "cpu"},
    }


Pretrain = Callable[..., Engine]


@pytest.fixture
def pretrain(
    engine_server: Server, corpus: Path, cache: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Pretrain]:
    """Start an engine on a spec: ``pretrain(spec, out, *options)``. One thread, because other tests run at the same time.

    ``dies_at``: the step at whose beginning it is killed.
    """
    with contextlib.ExitStack() as stack:

        def start(
            spec: dict[str, Any],
            out: Path,
            *options: str,
            data: Path = corpus,
            threads: int = 1,
            dies_at: int | None = None,
        ) -> Engine:
            file = tmp_path / f"spec-{len(list(tmp_path.glob('spec-*')))}.json"
            file.write_text(json.dumps(spec))
            argv = ["run", str(file), "--data", str(data), "--out", str(out), "--cache", str(cache)]
            argv += ["--events-fd", "3", "--threads", str(threads), *options]
            server, env = engine_server, dict(os.environ)
            if dies_at is not None:
                server, env["DIES_AT_STEP"] = request.getfixturevalue("mortal_server"), str(dies_at)
            engine = server.request(argv, tmp_path / "log", env=env)
            stack.callback(engine.close)
            return engine

        yield start


@pytest.fixture
def own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory where `transformers` puts the source of checkpoints that bring some; nothing was imported from another."""
    directory = tmp_path / "modules"
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(directory))
    for name in [name for name in sys.modules if name.partition(".")[0] == "transformers_modules"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(directory)
    return directory


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty recordings of two kinds (a rising and a falling sweep) by four speakers (loudness and pitch), at 8 kHz."""
    path = tmp_path_factory.mktemp("recordings") / "sweeps.zip"
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(40):
            kind, speaker = ("up", "down")[number % 2], "abcd"[number // 2 % 4]
            length = int(random.integers(900, 3000))
            time = np.arange(length) / 8000
            sweep = (400 if kind == "up" else -400) * time / time[-1] + 700 + 60 * "abcd".index(speaker)
            wave = 0.4 * np.sin(2 * np.pi * np.cumsum(sweep) / 8000) + random.normal(scale=0.02, size=length)
            out = io.BytesIO()
            soundfile.write(out, wave, 8000, format="WAV")
            archive.writestr(f"{kind}/{kind}_{speaker}_{number}.wav", out.getvalue())
    return path


@pytest.fixture
def audio_spec() -> dict[str, Any]:
    """A small audio job with augmentation and accumulation, without a task."""
    return {
        "name": "small",
        "model": {"layers": 2, "hidden_size": 32, "heads": 2},
        "data": {
            "audio": {"sampling_rate": 8000, "clip_seconds": 0.25, "group_pattern": "_(?P<group>[a-z])_"}
        },
        "training": {
            "steps": 8,
            "batch_size": 8,
            "accumulation_steps": 2,
            "seed": 7,
            "precision": "fp32",
            "schedule": {"kind": "cosine", "warmup_steps": 2},
            "log_every": 1,
            "evaluate_every": 4,
            "evaluation_sequences": 8,
            "checkpoint_every": 3,
        },
        "resources": {"device": "cpu"},
    }


AUDIO_TASKS: dict[str, dict[str, Any]] = {
    "wav2vec2": {
        "kind": "wav2vec2",
        "feature_encoder": {"kernels": [10, 3, 3, 3], "strides": [5, 4, 2, 2], "channels": 16},
        "mask_length": 3,
        "negatives": 5,
        "codewords": 12,
        "codeword_size": 8,
        "projection_size": 16,
        "position_kernel": 8,
    },
    "masked_spectrogram": {
        "kind": "masked_spectrogram",
        "mel_bins": 16,
        "patch_size": 4,
        "decoder_layers": 1,
    },
}


@pytest.fixture
def audio_tasks() -> dict[str, dict[str, Any]]:
    """All audio tasks by kind, small."""
    return AUDIO_TASKS


@pytest.fixture(params=sorted(AUDIO_TASKS))
def audio_task(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each audio task, small."""
    return dict(AUDIO_TASKS[request.param])


@pytest.fixture(scope="session")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents so short that a row holds several."""
    path = tmp_path_factory.mktemp("sentences") / "sentences.jsonl"
    lines = {" ".join(line.split()) for topic in topics.values() for line in topic.splitlines()}
    chosen = sorted(line for line in lines if 10 < len(line) < 25)[:400]
    path.write_text("".join(json.dumps({"text": line}) + "\n" for line in chosen))
    return path


@pytest.fixture(scope="session")
def labelled_sentences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents of `sentences` with one label, several labels and a number, which their words decide."""
    path = tmp_path_factory.mktemp("labelled") / "sentences.jsonl"
    lines = {" ".join(line.split()) for topic in topics.values() for line in topic.splitlines()}
    chosen = sorted(line for line in lines if 10 < len(line) < 25)[:400]
    path.write_text(
        "".join(
            json.dumps(
                {
                    "text": line,
                    "kind": "article" if "the" in line.lower() else "other",
                    "signs": [name for name, sign in _SIGNS.items() if sign in line],
                    "size": len(line) / 10,
                }
            )
            + "\n"
            for line in chosen
        )
    )
    return path


@pytest.fixture(scope="session")
def tagged_sentences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents of `sentences` in CoNLL layout, with tags that their words decide: capital words are names."""
    path = tmp_path_factory.mktemp("tagged") / "sentences.conll"
    lines = {" ".join(line.split()) for topic in topics.values() for line in topic.splitlines()}
    rows = []
    for line in sorted(line for line in lines if 10 < len(line) < 25)[:400]:
        before = ""
        for word in line.split():
            kind = "name" if word[0].isupper() else "sign" if word[0] in "()[]{}*" else ""
            rows.append(f"{word}\t{'O' if not kind else f'I-{kind}' if kind == before else f'B-{kind}'}")
            before = kind
        rows.append("")
    path.write_text("\n".join(rows))
    return path


_SIGNS = {"comma": ",", "dot": ".", "bracket": "("}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Discs and squares, 64 of them."""
    return coloured_pictures(tmp_path_factory.mktemp("pictures") / "pictures.zip")


_TONES = {"a": 400, "b": 900, "c": 1700, " ": 0}


def spoken(text: str, random: np.random.Generator) -> bytes:
    """A tone of 80 ms for each letter, silence for a blank, and silence between them."""
    parts = []
    for letter in text:
        length = int(random.integers(500, 700))
        wave = (
            np.sin(2 * np.pi * _TONES[letter] * np.arange(length) / 8000)
            if letter != " "
            else np.zeros(length)
        )
        parts += [0.4 * wave, np.zeros(160)]
    samples = np.concatenate(parts)
    out = io.BytesIO()
    soundfile.write(out, samples + random.normal(scale=0.01, size=len(samples)), 8000, format="WAV")
    return out.getvalue()


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """160 recordings of tones as letters, by four speakers, with a table of transcripts in the archive."""
    path = tmp_path_factory.mktemp("tones") / "tones.zip"
    random = np.random.default_rng(3)
    rows = ["path\tsentence"]
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(160):
            letters = random.choice(list("abc"), size=int(random.integers(2, 6)))
            text = "".join(letters)
            if number % 3 == 0:
                text = text[:1] + " " + text[1:]
            name = f"{'wxyz'[number % 4]}_{number}.wav"
            archive.writestr(f"clips/{name}", spoken(text, random))
            rows.append(f"{name}\t{text.upper()}.")
        archive.writestr("validated.tsv", "\n".join(rows))
    return path
