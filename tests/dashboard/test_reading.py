"""Reading options in the dashboard: set before the upload, and shown after it."""

import io
import zipfile
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from tests.dashboard.conftest import Running, Scenario

pytestmark = pytest.mark.browser


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table with tabs between fields, and quotation marks that are ordinary characters."""
    path = tmp_path / "table.tsv"
    path.write_text("id\ttext\n" + "".join(f'{n}\t"Lorem" ipsum; {n}\n' for n in range(40)))
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """An archive with a class named like a split, and files that are no images."""
    random = Random(0)
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for name in ("train", "plane"):
            for number in range(12):
                content = io.BytesIO()
                pixels = bytes(random.randrange(255) for _ in range(16 * 16 * 3))
                Image.frombytes("RGB", (16, 16), pixels).save(content, "png")
                archive.writestr(f"vehicles/{name}/{number}.png", content.getvalue())
        for extra in ("notes.docx", "more.docx", "labels.xyz"):
            archive.writestr(f"vehicles/{extra}", b"x")
    return tmp_path / "images.zip"


def test_reading_options_are_set_and_shown(
    scenario: Scenario, service: Running, table: Path, images: Path
) -> None:
    found = scenario("reading", table=str(table), images=str(images))
    with service.client() as client:
        (file,) = client.get(f"/v1/datasets/{found['dataset']}").json()["file_list"]
    assert (file["delimiter"], file["quote"], file["documents"]) == ("\t", "none", 40)
