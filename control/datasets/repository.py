"""The SQL of datasets."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    func,
    literal,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from control.datasets.models import Dataset, DatasetFile
from control.datasets.selection import selected
from control.db import ReadSession, WriteSession
from control.lifecycle.models import Job
from core.spec.data import Which

_TERMINAL = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Totals:
    """Sums over a dataset's files."""

    files: int = 0
    bytes: int = 0
    samples: int = 0
    documents: int = 0
    characters: int = 0


def of_project(project_id: str) -> Select[Dataset]:
    return select(Dataset).where(Dataset.project_id == project_id, Dataset.state != "deleted")


def totals(session: ReadSession, dataset_ids: Iterable[str], *, added: bool = False) -> dict[str, Totals]:
    """The sums of each dataset that has files.

    Args:
        added: Only over files that are not the parent's.
    """
    report = DatasetFile.report
    rows = session.execute(
        select(
            DatasetFile.dataset_id,
            func.count(),
            func.sum(DatasetFile.bytes).cast(BigInteger),
            _sum(func.coalesce(report["samples"].astext, report["documents"].astext)),
            _sum(report["documents"].astext),
            _sum(report["characters"].astext),
        )
        .where(DatasetFile.dataset_id.in_(list(dataset_ids)), *([~DatasetFile.inherited] if added else []))
        .group_by(DatasetFile.dataset_id)
    )
    return {row[0]: Totals(*row[1:]) for row in rows}


def _sum(number: ColumnElement[str]) -> ColumnElement[int]:
    return func.coalesce(func.sum(number.cast(BigInteger)), 0).cast(BigInteger)


def files(session: ReadSession, dataset_id: str, which: Which = "all") -> list[DatasetFile]:
    """A dataset's files in order of name, by code point: the order in which the engine reads them.

    Args:
        which: ``data.files`` of the spec of a job that reads them.
    """
    query = select(DatasetFile).where(DatasetFile.dataset_id == dataset_id)
    return selected(sorted(session.scalars(query), key=lambda file: file.name), which)


def inherit(session: WriteSession, parent_id: str, dataset_id: str) -> None:
    """Give a dataset the files of its parent. The rows are new; the blobs that they name are not copied."""
    copied = ("name", "bytes", "sha256", "object_key", "report", "examples", "created_at")
    columns = [getattr(DatasetFile, name) for name in copied]
    rows = select(literal(dataset_id), true(), *columns).where(DatasetFile.dataset_id == parent_id)
    session.execute(insert(DatasetFile).from_select(["dataset_id", "inherited", *copied], rows))


def ancestors(session: ReadSession, dataset: Dataset) -> list[str]:
    """Ids of the versions that a version was made from, the nearest first, also of deleted ones."""
    if dataset.first_id is None:
        return []
    of_all = (Dataset.id == dataset.first_id) | (Dataset.first_id == dataset.first_id)
    parents = {
        row.id: row.parent_id for row in session.execute(select(Dataset.id, Dataset.parent_id).where(of_all))
    }
    found = []
    at = dataset.parent_id
    while at is not None:
        found.append(at)
        at = parents[at]
    return found


def versions(project_id: str, first_id: str) -> Select[Dataset]:
    """All versions of a dataset that were not deleted.

    Args:
        first_id: Of the first version, which may be deleted.
    """
    return of_project(project_id).where(or_(Dataset.id == first_id, Dataset.first_id == first_id))


def file_named(session: ReadSession, dataset_id: str, name: str) -> DatasetFile | None:
    return session.scalar(
        select(DatasetFile).where(DatasetFile.dataset_id == dataset_id, DatasetFile.name == name)
    )


def examples(session: ReadSession, file_id: int) -> bytes | None:
    """Examples of a file, as `control.datasets.examples` encodes them."""
    return session.scalar(select(DatasetFile.examples).where(DatasetFile.id == file_id))


def keep_examples(session: WriteSession, file: DatasetFile, found: bytes) -> None:
    """Store examples that were made after a file's upload, unless the file has been replaced."""
    session.execute(
        update(DatasetFile)
        .where(DatasetFile.id == file.id, DatasetFile.sha256 == file.sha256)
        .values(examples=found)
    )


def upsert_file(session: WriteSession, values: dict[str, object]) -> DatasetFile:
    """Add the file, or replace the one of that name."""
    statement = insert(DatasetFile).values(created_at=func.clock_timestamp(), **values)
    replaced = ("bytes", "sha256", "object_key", "report", "examples", "created_at")
    row: DatasetFile | None = session.scalar(
        statement.on_conflict_do_update(
            index_elements=[DatasetFile.dataset_id, DatasetFile.name],
            set_={column: statement.excluded[column] for column in replaced},
        ).returning(DatasetFile),
        execution_options={"populate_existing": True},
    )
    assert row
    return row


def is_named(session: ReadSession, object_key: str) -> bool:
    """Whether any dataset's file is stored at that key."""
    return (
        session.scalar(select(DatasetFile.id).where(DatasetFile.object_key == object_key).limit(1))
        is not None
    )


def unfinished_job(session: ReadSession, dataset_id: str) -> str | None:
    """A job that still needs the dataset: as its own, or as that of an earlier stage."""
    earlier = Job.spec["continual"]["ancestors"].contains([{"dataset": dataset_id}])
    needs = or_(Job.dataset_id == dataset_id, and_(Job.purpose == "train", earlier))
    return session.scalar(select(Job.id).where(needs, Job.state.not_in(_TERMINAL)).limit(1))


def waiting_lineage(session: ReadSession, dataset_id: str) -> str | None:
    """A planned lineage with a further stage on the dataset that it is going to submit."""
    found: str | None = session.execute(_WAITING_LINEAGE, {"dataset_id": dataset_id}).scalars().first()
    return found


_WAITING_LINEAGE = text("""
    SELECT lineages.id
    FROM lineages JOIN lineage_stages ON lineage_stages.lineage_id = lineages.id
    WHERE lineage_stages.dataset_id = :dataset_id AND lineage_stages.submitted_at IS NULL
      AND lineages.cancelled_at IS NULL
    ORDER BY lineages.id
    LIMIT 1
""")


def among(
    session: ReadSession, project_id: str, dataset_ids: Iterable[str], *, lock: bool
) -> dict[str, Dataset]:
    """Those of the datasets that belong to the project and were not deleted, by id.

    Args:
        lock: Lock their rows against changes until the transaction ends, in the order of their ids.
    """
    query = of_project(project_id).where(Dataset.id.in_(list(dataset_ids))).order_by(Dataset.id)
    if lock:
        query = query.with_for_update(read=True).execution_options(populate_existing=True)
    return {dataset.id: dataset for dataset in session.scalars(query)}


def taken(session: ReadSession, project_id: str) -> tuple[int, int]:
    """Number of a project's datasets, and their bytes; a blob that several files use counts once."""
    count = session.scalar(
        select(func.count()).where(Dataset.project_id == project_id, Dataset.state != "deleted")
    )
    blobs = (
        select(DatasetFile.object_key, func.max(DatasetFile.bytes).label("bytes"))
        .join(Dataset, Dataset.id == DatasetFile.dataset_id)
        .where(Dataset.project_id == project_id)
        .group_by(DatasetFile.object_key)
        .subquery()
    )
    size = session.execute(select(func.coalesce(func.sum(blobs.c.bytes), 0))).scalar_one()
    return count or 0, int(size)


def lock(session: WriteSession, name: str) -> None:
    """Take a lock of that name until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def of_id(
    session: ReadSession, project_id: str, dataset_id: str, *, lock: Literal["update", "share"] | None = None
) -> Dataset | None:
    """The dataset, if it belongs to the project and was not deleted.

    Args:
        lock: Lock its row until the transaction ends: ``update``: no other transaction changes or locks it; ``share``: no other
        transaction changes it.
    """
    query = of_project(project_id).where(Dataset.id == dataset_id)
    if lock is not None:
        query = query.with_for_update(read=lock == "share").execution_options(populate_existing=True)
    return session.scalar(query)


def share(session: WriteSession, dataset_id: str) -> Dataset:
    """A job's dataset, even if deleted; its row is locked against changes until the transaction ends."""
    return session.get_one(Dataset, dataset_id, with_for_update={"read": True}, populate_existing=True)
