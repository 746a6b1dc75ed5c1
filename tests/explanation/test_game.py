"""The inpainting game on cases whose right answer is known: a region swapped by hand, and a recogniser that sees it."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.explanation import toys
from workbench.errors import BadRequest
from workbench.explanation.game import REGIONS, Case, exchanged, play, region_mask, swapped
from workbench.explanation.targets import rather
from workbench.parts import INDEX
from workbench.tasks.parsing import parse


def case() -> Case:
    """Probe and mate are one picture, their twins differ in the top left quarter."""
    toy = toys.Toy(nn.Sequential(nn.AvgPool2d(4), nn.Flatten()), 32, ())
    probe = toys.chip(32, 1)
    twin, truth = probe.clone(), np.zeros((32, 32), bool)
    twin[..., :16, :16] = 255 - twin[..., :16, :16]
    truth[:16, :16] = True
    return Case(toy, probe, twin, probe.clone(), twin.clone(), truth)


def test_the_truth_wins_and_the_opposite_corner_loses():
    here = case()
    assert here.fair
    right, overlap = play(here, here.truth.astype(np.float32), (0.1, 0.25))
    assert right.tolist() == [False, True]
    assert overlap == 1.0
    wrong, nothing = play(here, here.truth[::-1, ::-1].astype(np.float32), (0.1, 0.25))
    assert wrong.tolist() == [False, False]
    assert nothing == 0.0


def test_the_asked_share_of_pixels_is_exchanged_hottest_first():
    here = case()
    found = exchanged(here, here.truth.astype(np.float32), (0.125,))
    changed = (found != here.probe)[0].any(dim=0).numpy()
    assert 0.12 <= changed.mean() <= 0.125
    assert here.truth[changed].all()


def test_a_round_is_unfair_where_the_twin_is_not_told_apart():
    here = case()
    assert not Case(here.model, here.probe, here.probe, here.mate, here.mate_twin, here.truth).fair


def test_rather_is_the_difference_of_two_likenesses_and_survives_another_model():
    here = case()
    target = rather(here.model, here.mate, here.mate_twin)
    assert float(target.score(here.probe)) > 0 > float(target.score(here.twin))
    torch.testing.assert_close(target.of(here.model).score(here.twin), target.score(here.twin))
    assert target.against is not None


@pytest.fixture(scope="module")
def parsed(astronaut, astronaut_face, bench):
    return parse(astronaut, bench.model("mesh"), [astronaut_face])


def test_regions_lie_where_their_names_say(parsed, astronaut_face):
    masks = {region: region_mask(parsed, astronaut_face, 1, region) for region in REGIONS}
    assert all(mask.any() for mask in masks.values())
    centres = {region: np.argwhere(mask).mean(axis=0) for region, mask in masks.items()}
    assert centres["image-left eye"][1] < centres["nose"][1] < centres["image-right eye"][1]
    assert centres["left half"][1] < centres["right half"][1]
    assert centres["brows"][0] < centres["nose"][0] < centres["mouth"][0]
    assert centres["nose"][0] < centres["jaw and cheeks"][0]
    assert not (masks["left half"] & masks["right half"]).any()
    assert (parsed.labels[masks["left half"]] != INDEX["hair"]).all()


def test_an_unknown_region_is_refused(parsed, astronaut_face):
    with pytest.raises(BadRequest, match="jaw and cheeks"):
        region_mask(parsed, astronaut_face, 1, "beard")


def test_swapping_changes_the_region_and_nothing_else(parsed, astronaut, astronaut_face):
    mask = region_mask(parsed, astronaut_face, 1, "mouth")
    other = astronaut[:, :, ::-1].copy()
    other[mask] = 255 - other[mask]
    found = swapped(astronaut, astronaut_face, mask, other, astronaut_face)
    changed = (found != astronaut).any(axis=2)
    assert changed[mask].mean() > 0.5
    assert not changed[~mask].any()
