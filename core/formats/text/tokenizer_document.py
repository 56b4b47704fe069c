"""Checks the structure of a ``tokenizer.json`` without running it."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from core.characters import brief
from core.formats.errors import Place

_DEEPEST = 100
"""Maximum depth of nested lists and objects; `tokenizers` reads at most 128 levels."""

_Id = Annotated[int, Field(ge=0, lt=2**32)]


class _Part(BaseModel):
    # Strict: the string "1" is no number, and the number 5 no text. Unknown fields may belong to another version.
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class _Kind(_Part):
    type: str


class _AddedToken(_Part):
    id: _Id | None = None
    content: str


class _Model(_Part):
    type: str | None = None
    vocab: dict[str, _Id] | list[Annotated[tuple[str, float], Strict(strict=False)]]
    merges: list[str | Annotated[tuple[str, str], Strict(strict=False)]] | None = None
    unk_token: str | None = None
    unk_id: _Id | None = None


class _Document(_Part):
    model: _Model
    added_tokens: list[_AddedToken] | None = None
    normalizer: _Kind | None = None
    pre_tokenizer: _Kind | None = None
    post_processor: _Kind | None = None
    decoder: _Kind | None = None


def check_document(document: Any, place: Place) -> None:
    """
    Raises:
        FormatError: ``bad_tokenizer``, with the first place whose structure is not that of a Hugging Face tokenizer.
    """
    if _depth_exceeds(document, _DEEPEST):
        raise place.error(
            "bad_tokenizer",
            f"is nested more than {_DEEPEST} levels deep",
            case="nested_too_deeply",
            most_levels=_DEEPEST,
        )
    try:
        _Document.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(brief(str(part), 60) for part in first["loc"])
        message = first["msg"].replace("Input should", "it should").replace("Field required", "it is missing")
        raise place.error(
            "bad_tokenizer",
            f'is not as Hugging Face tokenizers write it, a "model" with its "vocab" and what belongs to it: '
            f"at {where or 'the top'} {message}; save it with "
            "tokenizer.save('tokenizer.json') or tokenizer.save_pretrained(…)",
            case="field",
            field=where,
            error=message,
        ) from None


def _depth_exceeds(document: Any, deepest: int) -> bool:
    level = [document]
    for _ in range(deepest):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
