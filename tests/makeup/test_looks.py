"""Looks are plain values that say what they cannot be."""

import pytest

from workbench.errors import BadRequest
from workbench.makeup import looks
from workbench.makeup.looks import OWN, Layer, Look
from workbench.makeup.palettes import CAPS, ORDER, PALETTES


def test_there_are_twelve_looks_and_a_bare_face() -> None:
    assert next(iter(looks.LOOKS)) == "none"
    assert looks.LOOKS["none"].layers == {}
    assert len(looks.LOOKS) == 13
    assert all(look.layers for name, look in looks.LOOKS.items() if name != "none")
    assert all(look.sentence.endswith(".") for look in looks.LOOKS.values())


def test_every_region_has_shades_and_a_cap() -> None:
    assert set(PALETTES) == set(CAPS) == set(ORDER)
    assert all(0 < cap <= 0.8 for cap in CAPS.values())
    assert all(0 <= value <= 255 for shades in PALETTES.values() for shade in shades.values() for value in shade)


@pytest.mark.parametrize("name", ["neutral", "natural", "camera ready", "defined", "silver"])
def test_everyday_looks_stay_far_below_what_is_possible(name: str) -> None:
    """Nobody wants to be seen made up in these: lips, lids and liner at most at half of what is allowed."""
    layers = looks.find(name).layers

    assert all(layers[region].intensity <= 0.5 for region in ("lip", "shadow", "liner", "brow") if region in layers)
    assert OWN in layers["foundation"].shades


def test_what_a_look_cannot_be_is_refused_in_words() -> None:
    with pytest.raises(BadRequest, match="no look 'clown'"):
        looks.find("clown")
    with pytest.raises(BadRequest, match="no region 'ear'"):
        Look("mine", "", {"ear": Layer(0.5, {"red": 1.0})})
    with pytest.raises(BadRequest, match="no lip shade 'blue'"):
        Look("mine", "", {"lip": Layer(0.5, {"blue": 1.0})})
    with pytest.raises(BadRequest, match="intensity: expected 0 to 1"):
        Layer(1.5, {"red": 1.0})
    with pytest.raises(BadRequest, match="at least one shade"):
        Layer(0.5, {})


def test_a_bare_region_takes_its_first_shade_when_only_an_intensity_is_given() -> None:
    look = looks.adjusted(looks.find("none"), {"blush": 0.5, "foundation": 0.4})

    assert look.layers["blush"].shades == {"rose": 1.0}
    assert look.layers["foundation"].shades == {OWN: 1.0}
