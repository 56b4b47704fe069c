"""Settings of labelled text: where labels, tags and splits are found."""

from typing import Annotated, Literal

from pydantic import Field

from core.spec.base import Spec
from core.spec.text import Column

TextLabels = Literal["one", "several", "number", "tags"]
"""How a text's labels are read: one class, a set of classes, a number, or one tag for each word."""


LABEL_COLUMNS = ("label", "labels", "class", "category", "intent", "target", "score")
"""Names of columns that hold labels, the most likely first."""


class ColumnFileSpec(Spec):
    """The columns of files in CoNLL layout: one word a line, blank lines between sentences, ``-DOCSTART-`` between documents."""

    token: Annotated[int, Field(ge=-100, le=100)] = 0
    """Column of the word, from 0; a negative number counts from the last column."""

    tag: Annotated[int, Field(ge=-100, le=100)] = -1
    """Column of the word's tag, counted likewise."""


class TextDataSpec(Spec):
    """Where the labels of text are, and its split. Labels are read only by tasks that learn from them."""

    label_column: Column | None = None
    """Column (CSV, Parquet) or key (JSON Lines) that holds the labels. Default: ``label``, else ``labels``, ``class``,
    ``category``, ``intent``, ``target`` or ``score``, the first that is there. Text files in folders have their folder as
    class."""

    label_separator: Annotated[str, Field(min_length=1, max_length=8)] | None = None
    """What separates the labels in a string of several, such as ``,`` or ``|``. Without it several labels are a JSON array
    or a list (Parquet), and a string is one label."""

    labels: TextLabels | None = None
    """How labels are read: ``one`` class, ``several`` classes, a ``number``, or the ``tags`` of words. Leave it out: the
    task decides it, and another value than the task's is refused."""

    columns: ColumnFileSpec | None = None
    """Columns of files in CoNLL layout. Given, every plain text file is read in this layout. Default: files that are in
    it by their name (``.conll``, ``.iob``, ``.bio``) or their first lines are, with the word in the first column and the
    tag in the last."""

    split_column: Column | None = None
    """Column (CSV, Parquet) or key (JSON Lines) that holds the split of each row: ``train``, or ``test``, ``dev``,
    ``val`` and the like, which are held out. Used by tasks that learn from labels. Without it, folders and files with
    such names are the split, and otherwise documents are held out by class."""
