"""Tables of metric points: one value for each job, name and step, over all attempts."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, Sequence, Text
from sqlalchemy.orm import Mapped, mapped_column

from control.base import Base

POINT_SEQUENCE = Sequence("metric_point_seq", metadata=Base.metadata)


class MetricName(Base):
    """Names are stored once, so that a point is 40 bytes and not a hundred."""

    __tablename__ = "metric_names"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(Text, unique=True)


class MetricPoint(Base):
    __tablename__ = "metric_points"
    __table_args__ = (Index(None, "job_id", "seq"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    name_id: Mapped[int] = mapped_column(ForeignKey("metric_names.id"), primary_key=True)
    step: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    value: Mapped[float]
    """NaN and infinities are stored as such."""
    attempt: Mapped[int]
    time: Mapped[datetime]
    seq: Mapped[int] = mapped_column(BigInteger, POINT_SEQUENCE, server_default=POINT_SEQUENCE.next_value())
    """Order of writing, taken anew when a resumed attempt writes the point again: the cursor by which
    listeners ask for what they have not seen. Written under the job row's lock, so a job's points
    become visible in this order."""
