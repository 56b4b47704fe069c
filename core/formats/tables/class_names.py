"""The class names that the `datasets` library writes into a Parquet file's metadata."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError


def class_names(metadata: Mapping[bytes, bytes], label: str | None) -> tuple[str, ...]:
    """The names of a ``ClassLabel`` in the metadata that the `datasets` library writes. () where there are none."""
    try:
        features = _Metadata.model_validate_json(metadata.get(b"huggingface", b"")).info.features
    except ValidationError:
        return ()
    feature = features.get(label or "")
    # A column of lists is written as [feature] or, by other versions, as {"feature": feature}.
    for inner in (feature, *(feature if isinstance(feature, list) else ()), *_inner(feature)):
        try:
            return _ClassLabel.model_validate(inner).names
        except ValidationError:
            continue
    return ()


def _inner(feature: Any) -> tuple[Any, ...]:
    return (feature["feature"],) if isinstance(feature, dict) and "feature" in feature else ()


class _ClassLabel(BaseModel):
    names: tuple[str, ...]


class _Info(BaseModel):
    features: dict[str, Any]


class _Metadata(BaseModel):
    info: _Info
