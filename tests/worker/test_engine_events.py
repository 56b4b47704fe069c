"""How an engine's events are recorded in a job's history."""

import pytest

from control.lifecycle.event_codes import describe_prepared


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (
            {"documents": 1200, "tokens": 34_000, "documents_held_out": 60, "tokens_held_out": 1700},
            "Prepared: 1,200 documents and 34,000 tokens to learn from, 60 and 1,700 held out; 5,000 parameters.",
        ),
        (
            {
                "recordings": 384,
                "hours": 0.0518384375,
                "groups": 0,
                "recordings_held_out": 16,
                "hours_held_out": 0.00233586805,
                "groups_held_out": 0,
            },
            "Prepared: 384 recordings and 0.0518 hours to learn from, 16 and 0.00234 held out; 5,000 parameters.",
        ),
    ],
)
def test_prepared_data_are_counted_by_modality(counts: dict[str, float], text: str) -> None:
    assert describe_prepared({"event": "prepared", "cached": False, "parameters": 5000, **counts}) == text


def test_samples_that_were_not_stored_are_reported() -> None:
    event = {"cached": False, "images": 1200, "images_held_out": 60, "bad": 3, "parameters": 5}
    assert describe_prepared(event) == (
        "Prepared: 1,200 images to learn from, 60 held out, 3 that cannot be used left out; 5 parameters."
    )
    assert "left out" not in describe_prepared(event | {"bad": 0})


def test_it_is_said_how_many_parameters_are_trained() -> None:
    event = {"cached": False, "images": 12, "images_held_out": 6, "parameters": 20_000}
    whole = describe_prepared(event | {"trainable_parameters": 20_000})
    assert whole == describe_prepared(event)
    part = describe_prepared(event | {"trainable_parameters": 250})
    assert part.endswith("6 held out; 20,000 parameters, 250 of them trained (1.25 %).")
