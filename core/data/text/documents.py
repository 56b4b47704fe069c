"""The documents in a dataset's files, and the tokenizer among them."""

from collections.abc import Callable, Iterator, Sequence

from core.data.errors import DataError, DataErrorCode
from core.data.files import DataFile
from core.formats import FormatError, read_documents, read_uploaded_tokenizer

_DOCUMENTS_A_REPORT = 256


def documents(
    files: Sequence[DataFile], text_column: str | None, on_bytes: Callable[[int], None] = lambda _: None
) -> Iterator[str]:
    """All documents, file after file in the order given.

    ``on_bytes`` is told now and then how many bytes of the files are behind.

    Raises:
        DataError: ``data_unreadable``.
    """
    behind = 0
    for file in files:
        try:
            with file.path.open("rb") as stream:
                for number, document in enumerate(read_documents(stream, file.name, text_column=text_column)):
                    yield document
                    if number % _DOCUMENTS_A_REPORT == 0:
                        on_bytes(behind + stream.tell())
        except FormatError as error:
            code: DataErrorCode = "tokenizer_invalid" if error.code == "bad_tokenizer" else "data_unreadable"
            raise DataError(code, str(error), "Correct or remove the file.") from error
        except OSError as error:
            raise DataError("data_unreadable", f"{file.name} cannot be read: {error}") from error
        behind += file.path.stat().st_size
        on_bytes(behind)


def uploaded_tokenizer(files: Sequence[DataFile]) -> bytes:
    """The one ``tokenizer.json`` of a dataset.

    Raises:
        DataError: ``tokenizer_invalid``, where there is none, or several that differ.
    """
    found = set()
    for file in files:
        try:
            with file.path.open("rb") as stream:
                if content := read_uploaded_tokenizer(stream, file.name):
                    found.add(content)
        except FormatError as error:
            raise DataError("tokenizer_invalid", str(error), "Upload it as tokenizers saved it.") from error
    if len(found) == 1:
        return found.pop()
    problem = "holds no tokenizer.json" if not found else f"holds {len(found)} different tokenizer.json files"
    raise DataError(
        "tokenizer_invalid",
        f"data.tokenizer.kind is 'uploaded', but the dataset {problem}",
        "Add one file named tokenizer.json to the dataset, or choose 'bpe' or 'wordpiece'.",
    )
