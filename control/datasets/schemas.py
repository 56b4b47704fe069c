"""Datasets over HTTP."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from control.schemas import Body, JsonObject, Resource

Modality = Literal["text"]


class DatasetIn(Body):
    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
    modality: Modality = "text"


class DatasetFileOut(Resource):
    object: Literal["file"] = "file"
    name: str
    bytes: int
    sha256: str
    kind: str
    """``text``, ``jsonl``, ``csv``, ``parquet``, ``zip`` or ``tokenizer``."""
    documents: int
    characters: int
    text_column: str | None
    """The column (CSV, Parquet) or key (JSON Lines) that the text was found in."""
    created_at: datetime


class DatasetOut(Resource):
    object: Literal["dataset"] = "dataset"
    id: str
    name: str
    modality: Modality
    state: Literal["open", "ready"]
    """Files are added while ``open``; jobs run on what is ``ready``, which never changes again."""
    files: int
    bytes: int
    documents: int
    characters: int
    sha256: str | None
    """Of the sorted (name, sha256) of the files, once ready."""
    statistics: JsonObject
    """``length_histogram``: ``[{"from", "to", "documents"}]`` in characters; ``scripts``: ``[{"script", "letters"}]``, the
    most frequent first; ``repeats``: documents that are in their file before, word for word, or in a file that is there
    twice. More as modalities grow."""
    created_at: datetime
    completed_at: datetime | None


class DatasetDetail(DatasetOut):
    file_list: list[DatasetFileOut]


class PreviewDocument(Resource):
    file: str
    index: int
    """Position within the file."""
    text: str
    """The beginning, at most ``characters`` long."""
    characters: int
    """Length of the whole document."""


class DatasetPreview(Resource):
    object: Literal["preview"] = "preview"
    documents: list[PreviewDocument]
