"""A prediction as it travels from the API to a worker."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class RequestedFile:
    """A file of the dataset of the checkpoint's job."""

    name: str
    sha256: str
    bytes: int
    object_key: str
    reading: Mapping[str, Any]


@dataclass(frozen=True)
class PredictionRequest:
    """A prediction that was checked against the checkpoint's task."""

    id: str
    project_id: str
    checkpoint_id: str
    job_id: str | None
    """That wrote the checkpoint; None for one that was uploaded."""
    step: int
    prefix: str
    """Of the checkpoint's objects in storage."""
    files: tuple[Mapping[str, Any], ...]
    """The entries of its manifest that a prediction needs."""
    kind: str
    options: Mapping[str, Any]
    text: str | None
    content: str | None
    """In base64."""
    dataset: tuple[RequestedFile, ...]
    seconds: float
    """Seconds that it may take, its place in the line included."""

    def dump(self) -> str:
        """As it is sent."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "PredictionRequest":
        """What `dump` gave, as JSON."""
        dataset = tuple(RequestedFile(**file) for file in document["dataset"])
        return cls(**{**document, "files": tuple(document["files"]), "dataset": dataset})
