"""Images and recordings in the dashboard, from a local folder to the samples of a job."""

import io
import math
import wave
import zipfile
from array import array
from pathlib import Path
from random import Random
from typing import get_args

import pytest
from PIL import Image

from core.spec.job import JobSpec
from core.spec.tasks import task_specs
from tests.dashboard.conftest import Running, Scenario

pytestmark = pytest.mark.browser


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Noise, darker in one folder than in the other."""
    random = Random(0)
    for name, brightest in (("dark", 100), ("bright", 255)):
        (tmp_path / "shades" / name).mkdir(parents=True)
        for number in range(24):
            pixels = bytes(random.randrange(brightest) for _ in range(32 * 32 * 3))
            Image.frombytes("RGB", (32, 32), pixels).save(tmp_path / "shades" / name / f"{number}.png")
    (tmp_path / "shades" / "licence.pdf").write_bytes(b"x")
    return tmp_path / "shades"


@pytest.fixture
def recordings(service: Running) -> str:
    """Id of a dataset of six tones, half a second each."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(6):
            archive.writestr(f"{'low' if number < 3 else 'high'}/{number}.wav", _tone(220 * (number + 1)))
    with service.client() as client:
        dataset = client.post("/v1/datasets", json={"name": "tones", "modality": "audio"}).json()["id"]
        put = client.put(f"/v1/datasets/{dataset}/files/tones.zip", content=packed.getvalue())
        put.raise_for_status()
        client.post(f"/v1/datasets/{dataset}/complete").raise_for_status()
    return str(dataset)


def _tone(hertz: float, rate: int = 8000) -> bytes:
    samples = array("h", (round(9000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(rate // 2)))
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return content.getvalue()


def test_datasets_of_images_and_recordings_are_shown(scenario: Scenario, images: Path, recordings: str, dataset: str) -> None:
    found = scenario("images", images=str(images), audio=recordings, text=dataset)
    specs = [JobSpec.model_validate(spec) for spec in found["specs"]]
    offered = [spec.task.kind for spec in specs]
    tasks = {task.model_fields["kind"].default for task in task_specs()}
    assert set(offered) == tasks, "each task has starting points"
    assert all(offered.count(kind) >= 3 for kind in tasks)
