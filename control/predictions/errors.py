"""The errors of predictions that a worker reports, as answers."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from control.errors import Conflict, Invalid, SeedbedError, TooLarge, Unavailable

INPUT_CODES = (
    "input_empty",
    "input_too_long",
    "mask_missing",
    "mask_order",
    "too_many_masks",
)
"""Codes of inputs that the network cannot take; those of file formats come beside them."""


def failure(message: Mapping[str, Any]) -> SeedbedError:
    """The error for a ``failed`` message of `core.prediction.serving`."""
    code, detail, params = message["code"], message["message"], message.get("params") or {}
    if code == "input_too_large":
        return TooLarge(code, detail, param="content", params=params)
    if message.get("input"):
        return Invalid(code, detail, params=params)
    if code == "timed_out":
        return timed_out(float(params["seconds"]))
    if code == "out_of_memory":
        return Unavailable("prediction_memory", detail, params=params)
    if code == "internal":
        return SeedbedError(
            "prediction_failed",
            f"{detail} The worker's log describes the error.",
            status=HTTPStatus.INTERNAL_SERVER_ERROR,
            params=params,
        )
    return Conflict("checkpoint_unusable", detail, params={"reason": code, **params})


def lost() -> SeedbedError:
    """The worker, or its process for predictions, ended before the result."""
    return Unavailable(
        "prediction_lost",
        "The process that computed the prediction ended before its result was there. Try again; nothing else is affected.",
    )


def timed_out(seconds: float) -> SeedbedError:
    """It took longer than it may."""
    return SeedbedError(
        "prediction_timeout",
        f"The prediction took more than the {seconds:g} seconds that it may. Ask for less, or try again when fewer are waiting.",
        status=HTTPStatus.GATEWAY_TIMEOUT,
        params={"seconds": seconds},
    )
