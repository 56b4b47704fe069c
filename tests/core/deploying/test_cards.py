"""The code of a model card runs as it stands, in the folder of the checkpoint."""

from pathlib import Path

import pytest

from control.model_cards.text import loading
from core.spec.problems import validate
from tests.core.deploying.conftest import Made, lay_out
from tests.core.training.reference.jobs import CASES


# What a tokenizer does not tell, `transformers` guesses.
@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.usefixtures("own_modules")
def test_the_code_of_a_card_opens_the_checkpoint(name: str, made: Made, place: Path) -> None:
    folder = made(name)
    lay_out(folder, place)
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    text = loading(type(validate(CASES[name].document).task).opening, files)
    code = text.partition("```python\n")[2].partition("\n```")[0]
    namespace: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), namespace)
    assert len(namespace) > 2
