"""Datasets and their files."""

from datetime import datetime
from typing import Any

from pydantic import Field

from seedbed.models.base import Resource


class FileNote(Resource):
    code: str
    message: str


class FilesPassedOver(Resource):
    kind: str
    """Kind of the files: an ending such as ``.docx``, or a description."""
    files: int


class DatasetFile(Resource):
    name: str
    bytes: int
    sha256: str
    inherited: bool = False
    """Whether it is a file of the dataset's parent, whose bytes it shares."""
    kind: str
    """``text``, ``jsonl``, ``csv``, ``parquet``, ``zip``, ``tar``, ``tokenizer``, ``image``, ``idx`` or
    ``audio``."""
    samples: int = 0
    """Number of documents, images or recordings, by the dataset's modality."""
    bad: int = 0
    """Images or recordings that cannot be decoded."""
    documents: int
    characters: int
    text_column: str | None = None
    delimiter: str | None = None
    """Separator between the fields of a CSV."""
    quote: str | None = None
    """Quotation mark around fields: ``"``, ``'`` or ``none``."""
    passed_over: list[FilesPassedOver] = Field(default_factory=list)
    """Files in an archive that are not read, by kind."""
    notes: list[FileNote] = Field(default_factory=list)
    """What was decided or left out as the file was read."""


class Added(Resource):
    """What a version of a dataset added to its parent, which is what ``data.files: new`` reads."""

    files: int
    bytes: int
    samples: int
    documents: int
    characters: int
    statistics: dict[str, Any] | None = None
    """Over these files alone; None in lists."""


class Dataset(Resource):
    id: str
    name: str
    modality: str
    parent: str | None = None
    """The dataset that this is a version of, which may be deleted; None for a first version."""
    version: int = 1
    state: str
    """``open`` while files are added, then ``ready``."""
    files: int
    bytes: int
    samples: int = 0
    """Number of documents, images or recordings, by the modality."""
    documents: int
    characters: int
    added: Added | None = None
    """What the version added; None for a first version. All other numbers are of the whole."""
    sha256: str | None = None
    statistics: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime
    completed_at: datetime | None = None


class DatasetDetail(Dataset):
    file_list: list[DatasetFile]


class PreviewDocument(Resource):
    file: str
    index: int
    text: str
    characters: int
    """Length of the whole document."""


class Preview(Resource):
    documents: list[PreviewDocument]


class Continuation(Resource):
    """A job that goes on with the new files of a version of a dataset; all fields are None where no job on an earlier version has a
    checkpoint."""

    dataset: str
    job: str | None = None
    """The last job on the parent, or on the nearest earlier version that has one."""
    checkpoint: str | None = None
    """The best of its checkpoints."""
    step: int | None = None
    """That checkpoint's."""
    spec: dict[str, Any] | None = None
    """For `client.jobs.submit`, as it is or changed."""
