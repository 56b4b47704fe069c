"""HTTP schemas of datasets."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from control.schemas import Body, JsonObject, Resource
from core.spec.text import Name

Modality = Literal["text", "image", "audio"]


class DatasetIn(Body):
    name: Name
    modality: Modality = "text"
    """What its files hold; it decides which formats are read, and which tasks can learn from it."""


class VersionIn(Body):
    name: Name | None = None
    """Default: the parent's."""
    modality: Modality | None = None
    """A version holds what its parent holds; if given, it is compared with that."""


class FileNote(Resource):
    code: str
    """``folders_are_parts``, ``folders_are_classes``, ``file_is_held_out``, ``labels_not_used`` or ``columns_repeat``."""
    params: JsonObject = Field(default_factory=dict)
    """What the message is made of."""
    message: str


class FilesPassedOver(Resource):
    kind: str
    """Kind of the files: an ending such as ``.docx``; or ``system files``, ``hidden files``, ``empty files``, ``without an ending``, and
    ``other endings`` for all beyond the 20 most frequent."""
    files: int


class DatasetFileOut(Resource):
    object: Literal["file"] = "file"
    name: str
    bytes: int
    sha256: str
    inherited: bool
    """Whether it is a file of the dataset's parent, whose bytes it shares."""
    kind: str
    """``text``, ``conll``, ``jsonl``, ``csv``, ``parquet``, ``zip``, ``tar``, ``tokenizer``, ``image``, ``idx`` or ``audio``."""
    samples: int
    """Number of documents, images or recordings, by the dataset's modality."""
    documents: int
    """0 where the modality is not text, as ``characters``."""
    characters: int
    bad: int
    """Images or recordings that cannot be decoded; `data.on_bad_sample` says what a job makes of them."""
    text_column: str | None
    """The column (CSV, Parquet) or key (JSON Lines) that the text was found in."""
    delimiter: str | None
    """Separator between the fields of a CSV."""
    quote: str | None
    """Quotation mark around fields: ``"``, ``'`` or ``none``."""
    passed_over: list[FilesPassedOver]
    """Files in an archive that are not read, by kind, the most frequent first."""
    notes: list[FileNote]
    """What was decided or left out as the file was read, and why."""
    created_at: datetime


class Added(Resource):
    """What a version of a dataset added to its parent, which is what ``data.files: new`` reads."""

    files: int
    bytes: int
    samples: int
    """Number of documents, images or recordings, by the modality."""
    documents: int
    """0 where the modality is not text, as ``characters``."""
    characters: int
    statistics: JsonObject | None
    """Over these files alone; null in lists."""


class DatasetOut(Resource):
    object: Literal["dataset"] = "dataset"
    id: str
    name: str
    modality: Modality
    parent: str | None
    """The dataset that this is a version of, which may be deleted; null for a first version."""
    version: int
    """1, and for a version of a dataset that dataset's and 1."""
    state: Literal["open", "ready"]
    """Files are added while ``open``; jobs run on what is ``ready``, which never changes again."""
    files: int
    bytes: int
    """Bytes of all files. Those that several datasets of a project have are stored once and count once in its usage."""
    samples: int
    """Number of documents, images or recordings, by the modality."""
    documents: int
    """0 where the modality is not text, as ``characters``."""
    characters: int
    added: Added | None
    """What the version added; null for a first version. All other numbers are of the whole."""
    sha256: str | None
    """SHA-256 of the sorted (name, sha256) of the files, once ready."""
    statistics: JsonObject
    """For text ``length_histogram``: ``[{"from", "to", "documents"}]`` in characters; ``scripts``: ``[{"script", "letters"}]``,
    the most frequent first; ``repeats``: documents that are in their file before, word for word, or in a file that is there
    twice. ``classes``: ``[{"name", "documents", "held_out", "examples"}]`` of ``label_column``, or of folders where it is null;
    ``label_kind`` of that column; ``label_columns``: ``[{"name", "kind"}]``, the kind is ``one``, ``several``, ``number``, ``split`` or ``other``; ``splits`` of a
    column of splits: ``[{"column", "name", "documents"}]``; how many texts are ``unlabelled``, or held out by the names of files or
    folders (``held_out``); ``tags`` of words: ``scheme``, ``sentences``, ``words``, ``untagged``, ``problem``, and ``entities``:
    ``[{"type", "entities", "held_out", "examples"}]``. For images ``sizes``: ``[{"width", "height", "images"}]``, ``classes``: ``[{"name", "images"}]``, ``bad_samples``:
    ``[{"sample", "reason", "code", "params"}]``, how many are ``bad``, ``duplicates``, ``gray``, ``unlabelled`` or set aside (``held_out``),
    and ``mean`` and ``std`` of red, green and blue (0 … 1). For audio ``hours``, ``shortest_seconds`` and
    ``longest_seconds``, ``length_histogram``: ``[{"from_seconds", "to_seconds", "recordings"}]``, ``sampling_rates``:
    ``[{"hertz", "recordings"}]``, ``channels``, ``silent_share`` and ``clipped_share`` (0 … 1), ``classes``,
    ``bad_samples`` and counts likewise, and ``names`` of some recordings; where there are
    transcripts ``transcripts``: how many (``rows``), those with a recording in their own file (``matched``) or not (``orphans``,
    ``first_orphans``), ``repeated``, ``characters``, ``words``, ``problems``, and ``examples``: ``[{"recording", "text"}]``. ``classes`` are
    the 1,000 largest of ``class_count``. A list of datasets holds no ``classes``, ``bad_samples``, ``names``, ``label_columns``, ``tags`` and
    ``transcripts``: GET the dataset for them."""
    created_at: datetime
    completed_at: datetime | None


class DatasetDetail(DatasetOut):
    file_list: list[DatasetFileOut]


class PreviewDocument(Resource):
    file: str
    index: int
    """Position within the file."""
    text: str
    """Beginning of the document, at most ``characters`` long."""
    characters: int
    """Length of the whole document."""


class DatasetPreview(Resource):
    object: Literal["preview"] = "preview"
    documents: list[PreviewDocument]
