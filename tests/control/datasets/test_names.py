"""Valid and invalid file names."""

import pytest

from control.datasets.names import check_file_name
from control.errors import Invalid


@pytest.mark.parametrize(
    "name", ["a.txt", "Bücher (2).csv.gz", "日本語.jsonl", "a" * 251 + ".txt", "-x.txt", "~.txt"]
)
def test_valid_names_are_accepted(name: str) -> None:
    check_file_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".a",
        "a/b",
        "a\\b",
        "a\0",
        "a\n",
        "\x7f",
        "a\u202etxt",
        "\ufffd",
        " a",
        "a ",
        "a" * 256,
    ],
)
def test_invalid_names_are_refused(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_file_name(name)
    assert (caught.value.code, caught.value.param) == ("invalid_file_name", "name")
