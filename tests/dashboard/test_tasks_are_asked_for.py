"""The dashboard gets the tasks from the service: no file of it names one."""

import re
from pathlib import Path

from core.spec.tasks import tasks_by_kind

SOURCE = Path(__file__).resolve().parents[2] / "dashboard"


def test_no_file_of_the_dashboard_names_a_task() -> None:
    words = {*tasks_by_kind(), *(task.title for task in tasks_by_kind().values())}
    named = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(words)))})(?![\w-])")
    generated = SOURCE / "src" / "api" / "schema.d.ts"
    files = [SOURCE / "index.html", *(SOURCE / "src").rglob("*"), *(SOURCE / "public").rglob("*")]
    found = {
        f"{path.relative_to(SOURCE)}: {name}"
        for path in files
        if path.is_file() and path != generated and path.suffix in {".ts", ".tsx", ".js", ".json", ".css", ".html"}
        for name in named.findall(path.read_text(encoding="utf-8"))
    }
    assert not found
    assert len(files) > 100
