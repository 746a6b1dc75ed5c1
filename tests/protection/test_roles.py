"""Who is attacked and who judges: never one recogniser in both roles, always at least one attacked."""

import pytest

from workbench.catalog import MODELS
from workbench.errors import BadRequest, ModelMissing
from workbench.protection.roles import calibrated_here, checked_roles, usual_roles

FOUR = ["sface", "dlib", "mobilefacenet", "faceres"]


def test_the_default_install_attacks_one_and_is_judged_by_the_other() -> None:
    assert usual_roles(["sface", "dlib"]) == (["dlib"], ["sface"])


def test_fetched_recognisers_join_on_either_side() -> None:
    assert usual_roles(FOUR) == (["dlib", "mobilefacenet"], ["sface", "faceres"])


def test_a_lone_recogniser_is_attacked_and_nobody_judges() -> None:
    assert usual_roles(["sface"]) == (["sface"], [])


def test_only_calibrated_recognisers_take_part() -> None:
    specs = [spec for spec in MODELS.values() if spec.task == "recognition"]

    assert calibrated_here(specs, lambda model: True) == FOUR
    assert calibrated_here(specs, lambda model: model == "dlib") == ["dlib"]
    with pytest.raises(ModelMissing, match="models fetch"):
        calibrated_here(specs, lambda model: False)


@pytest.mark.parametrize(
    ("attacked", "judges", "reason"),
    [
        ([], ["sface"], "at least one"),
        (["dlib"], ["dlib"], "cannot judge"),
        (["nobody"], [], "cannot take part"),
        (["dlib"], ["x"], "Here:"),
    ],
)
def test_roles_that_cannot_be_are_refused_in_words(attacked: list[str], judges: list[str], reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        checked_roles(FOUR, attacked, judges)
