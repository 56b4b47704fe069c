"""Predictions of checkpoints."""

from typing import Any

from seedbed.models.base import Resource


class Prediction(Resource):
    """The answer of a checkpoint. The service does not store it."""

    kind: str
    checkpoint: str
    job: str | None = None
    """None: the checkpoint was uploaded."""
    step: int
    cold: bool
    """Whether the model was loaded for this request."""
    seconds: float
    result: dict[str, Any]
    """``kind`` says what it contains: ``masks``, ``text``, ``gaps``, ``images`` (PNG in base64), ``vector``, ``neighbours`` …"""


class PredictionPlace(Resource):
    """The request waits in a worker's line."""

    ahead: int
    """Requests before it that are not answered."""


class PredictionLoading(Resource):
    """A worker loads the model."""


class PredictionPart(Resource):
    """A part of the result, as soon as it is known; its fields depend on the kind (``text`` of a continued text)."""

    text: str = ""


PredictionEvent = PredictionPlace | PredictionLoading | PredictionPart | Prediction
"""What `Checkpoints.predict_stream` yields; the last one is the `Prediction`."""
