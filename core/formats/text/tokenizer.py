"""Reads an uploaded ``tokenizer.json`` without running it."""

import json
from typing import Any

from core.formats.containers.source import Source
from core.formats.errors import Place
from core.formats.limits import Limits
from core.formats.text.tokenizer_document import check_document


def read_tokenizer(source: Source, limits: Limits) -> tuple[bytes, int]:
    """The content of the file as UTF-8, and the number of tokens in its vocabulary.

    Raises:
        FormatError: ``bad_tokenizer``, ``empty_file``.
    """
    place = source.place
    content = source.read(limits.tokenizer_bytes + 1)
    if not content:
        raise place.error("empty_file", "is empty")
    if len(content) > limits.tokenizer_bytes:
        raise place.error(
            "bad_tokenizer",
            f"is larger than {limits.tokenizer_bytes:,} bytes",
            case="too_large",
            most_bytes=limits.tokenizer_bytes,
        )
    try:
        # `tokenizers` reads only UTF-8 without a byte order mark; some editors write that mark, UTF-16 or UTF-32.
        text = content.decode(json.detect_encoding(content))
        document = json.loads(text)
        content = text.encode()
    except (ValueError, RecursionError) as error:
        raise place.error("bad_tokenizer", f"is not JSON ({error})", case="no_json", error=error) from None
    check_document(document, place)
    return content, _vocabulary_size(document, place)


def _vocabulary_size(document: Any, place: Place) -> int:
    model = document.get("model") if isinstance(document, dict) else None
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocabulary, dict | list):
        raise place.error(
            "bad_tokenizer",
            'has no "model" with a "vocab", as Hugging Face tokenizers write it; save it with '
            "tokenizer.save('tokenizer.json') or tokenizer.save_pretrained(…)",
            case="no_vocabulary",
        )
    tokens = {token if isinstance(token, str) else str(token[0]) for token in vocabulary if token}
    added = document.get("added_tokens")
    for token in added if isinstance(added, list) else []:
        if isinstance(token, dict) and isinstance(token.get("content"), str):
            tokens.add(token["content"])
    return len(tokens)
