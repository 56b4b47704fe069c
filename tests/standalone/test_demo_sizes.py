"""The size that the demonstration trains, on machines of any speed."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from core.spec.job import JobSpec
from standalone.demo_sizes import SIZES, Pace, fitting, spec


def test_every_size_is_a_job() -> None:
    for size in SIZES:
        JobSpec.model_validate(spec("ds_" + "0" * 26, size, "fp32"))


@given(number=st.integers(0, len(SIZES) - 1), pace=st.floats(1e-3, 1e4), seconds=st.floats(1, 300))
def test_the_largest_size_that_fits_is_chosen(number: int, pace: float, seconds: float) -> None:
    before = SIZES[number]
    after, size, look = fitting(number, pace, seconds, SIZES)
    if pace * seconds >= before.steps:
        assert (after, size, look) == (number, before, False)
    elif pace * seconds >= before.fewest:
        assert (after, look) == (number, False)
        assert size.steps <= pace * seconds
    elif after != number:
        assert (after, size, look) == (number + 1, SIZES[number + 1], True)
    else:
        assert (number, size.steps, look) == (len(SIZES) - 1, SIZES[-1].fewest, False)


def test_sizes_become_cheaper() -> None:
    tokens = [size.fewest * size.batch * size.sequence for size in SIZES]
    assert all(before >= 1.9 * after for before, after in itertools.pairwise(tokens))


def test_the_pace_excludes_the_first_step() -> None:
    slow = Pace()
    assert slow.measure(1, 100.0) is None
    assert slow.measure(2, 104.0) == 0.25
    fast = Pace()
    assert [fast.measure(step, 100.0 + step / 50) for step in (1, 2, 20)] == [None, None, None]
    assert round(fast.measure(21, 100.0 + 21 / 50) or 0, 6) == 50.0


def test_a_repeated_step_gives_no_pace() -> None:
    pace = Pace()
    assert [pace.measure(1, 5.0), pace.measure(1, 9.0), pace.measure(2, 5.0)] == [None, None, None]
