"""The table of samples: texts and pictures that a run writes for people. Their content is in object storage."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Sequence, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from control.base import Base, CreatedAt, PrimaryId

SAMPLE_SEQ = Sequence("sample_seq", metadata=Base.metadata)


class Sample(Base):
    __tablename__ = "samples"
    __table_args__ = (
        UniqueConstraint("job_id", "step", "name"),
        Index(None, "job_id", "seq"),
        CheckConstraint("media_type IN ('text/plain', 'image/png', 'application/json')", name="media_type"),
    )

    id: Mapped[PrimaryId]
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    """The attempt that wrote it last; a resumed run writes the same sample again."""
    step: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str]
    """Name of the series: the same at each step."""
    media_type: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    object_key: Mapped[str]
    seq: Mapped[int] = mapped_column(BigInteger, SAMPLE_SEQ, server_default=SAMPLE_SEQ.next_value())
    """Order of writing within a job; a reader's cursor. Writing the sample again moves it to the end."""
    created_at: Mapped[CreatedAt]
