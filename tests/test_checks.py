"""A number from outside is a number, finite and within its range, or a sentence says what was expected."""

import pytest

from workbench import checks
from workbench.errors import BadRequest, StudyError


@pytest.mark.parametrize("value", [True, None, "3", [3], float("nan"), float("inf"), -0.1, 10.1, 10**400, {}])
def test_what_is_no_number_within_the_range_is_refused(value: object) -> None:
    with pytest.raises(BadRequest, match="strength: expected a number from 0 to 10, got"):
        checks.number("strength", value, 0, 10)


@pytest.mark.parametrize("value", [0, 10, 2.5])
def test_the_ends_belong_to_the_range(value: float) -> None:
    assert checks.number("strength", value, 0, 10) == value


def test_a_whole_number_may_come_as_a_float_and_nothing_else() -> None:
    assert checks.whole("people", 3.0, 1, 5) == 3
    with pytest.raises(BadRequest, match=r"whole number from 1 to 5, got '3\.5'"):
        checks.whole("people", 3.5, 1, 5)


def test_an_integer_beyond_floats_keeps_its_digits() -> None:
    assert checks.whole("seed", 2**53 + 1, 0, 2**60) == 2**53 + 1


def test_another_kind_of_error_and_other_words_can_be_asked_for() -> None:
    with pytest.raises(StudyError, match="angle: expected degrees"):
        checks.number("angle", "x", 0, 90, "degrees", StudyError)
