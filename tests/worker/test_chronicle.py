"""What a job's history says of an engine's events."""

from worker.chronicle import _prepared


def test_samples_that_were_left_out_are_told() -> None:
    event = {"cached": False, "images": 1200, "images_held_out": 60, "bad": 3, "parameters": 5}
    assert _prepared(event) == (
        "Prepared: 1,200 images to learn from, 60 held out, 3 that cannot be used left out; 5 parameters."
    )
    assert "left out" not in _prepared(event | {"bad": 0})
