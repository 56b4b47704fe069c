"""The table of formats fits the networks that there are."""

import pytest

from core.spec.architectures import ARCHITECTURES
from core.spec.exports import FORMATS
from core.spec.tasks import tasks_by_kind


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_names_tasks_and_architectures_that_exist(name: str) -> None:
    one = FORMATS[name]
    assert one.text_head in {None, *(task.text_head for task in tasks_by_kind().values())}
    assert (one.architectures or frozenset()) | one.unsuited <= set(ARCHITECTURES)


def test_every_network_has_formats_and_only_llama_has_gguf() -> None:
    for kind, task in tasks_by_kind().items():
        for architecture in task.architectures():
            found = {name for name, one in FORMATS.items() if one.is_for(task, architecture)}
            assert {"onnx", "torch_export"} <= found
            assert ("gguf" in found) == ((kind, architecture) == ("causal_lm", "llama"))
            assert ("onnx_int8" in found) == (architecture not in {"resnet", "dcgan", "resgan"})
