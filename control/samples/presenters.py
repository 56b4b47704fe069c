"""Rows of samples → schemas for HTTP."""

from control.samples.models import Sample
from control.samples.schemas import SampleOut


def sample_out(sample: Sample) -> SampleOut:
    """The HTTP schema of a sample."""
    return SampleOut.model_validate(
        {
            "id": sample.id,
            "job": sample.job_id,
            "attempt": sample.attempt,
            "step": sample.step,
            "name": sample.name,
            "media_type": sample.media_type,
            "bytes": sample.bytes,
            "sha256": sample.sha256,
            "created_at": sample.created_at,
        }
    )
