"""The dataset's page of text with labels: classes, tags of words, and the split that the files bring."""

from pathlib import Path

import pytest

from tests.dashboard.conftest import Scenario

pytestmark = pytest.mark.browser


def test_classes_tags_and_the_split_are_shown(scenario: Scenario, tmp_path: Path) -> None:
    table, tagged = tmp_path / "train.csv", tmp_path / "dev.conll"
    rows = [(f"text {n}", "spam" if n % 3 == 0 else "ham") for n in range(9)]
    table.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in [*rows, ("nothing", "")]))
    tagged.write_text("Anna\tB-PER\nlives\tO\nin\tO\nNew\tB-LOC\nYork\tI-LOC\n\n")
    text = scenario("text_labels", table=str(table), tagged=str(tagged))["text"]
    for part in ("ham", "spam", "text 1", "PER", "LOC", "New York", "1 sentence, 5 words", "1 sample held out"):
        assert part in text
