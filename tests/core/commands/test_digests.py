"""The file of hashes that can be passed to the engine."""

from pathlib import Path

import pytest

from core.commands.cli import main
from core.commands.digests import Digests


def test_either_part_may_be_left_out(tmp_path: Path) -> None:
    file = tmp_path / "digests.json"
    file.write_text('{"data": {"a.txt": "0f"}}')
    assert Digests.read(file) == Digests({"a.txt": "0f"}, {})
    file.write_text("{}")
    assert Digests.read(file) == Digests()


@pytest.mark.parametrize(
    "text", ["", "5", "[]", '{"more": {}}', '{"data": []}', '{"checkpoint": {"a": 5}}', "\0"]
)
def test_invalid_digests_are_refused_before_any_file_is_read(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "digests.json"
    file.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["run", "job.yaml", "--data", "corpus", "--out", str(tmp_path), "--digests", str(file)])
    assert ended.value.code == 2
    assert "has no hashes of files" in capsys.readouterr().err
