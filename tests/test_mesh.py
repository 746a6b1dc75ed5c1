"""Outlines over the mesh lie where the parts are, and turn into each other in a mirror."""

import cv2
import numpy as np
import pytest

from workbench import mesh as regions
from workbench.models.parsers.compact_parser import mirror


@pytest.fixture(scope="module")
def points(astronaut_face) -> np.ndarray:
    return astronaut_face.mesh[:, :2].astype(np.float64)


def centre(mask: np.ndarray) -> np.ndarray:
    y, x = np.nonzero(mask > 127)
    return np.array([x.mean(), y.mean()])


def test_every_region_lies_inside_the_oval_and_eyes_above_nose_above_mouth(points):
    oval = cv2.dilate(regions.polygon(points, regions.OVAL, (512, 512)), np.ones((5, 5), np.uint8))
    masks = {name: regions.polygon(points, path, (512, 512)) for name, path in regions.REGIONS.items()}
    for name, mask in masks.items():
        assert (oval[mask > 127] > 127).all(), name
    heights = [
        centre(masks[name])[1] for name in ("image_left_brow", "image_left_eye", "nose", "upper_lip", "lower_lip")
    ]
    assert heights == sorted(heights)


@pytest.mark.parametrize("part", ["eye", "brow"])
def test_left_in_the_name_is_left_in_the_image(points, part):
    left, right = (
        centre(regions.polygon(points, regions.REGIONS[f"image_{side}_{part}"], (512, 512)))
        for side in ("left", "right")
    )
    assert left[0] < right[0]


def test_the_irises_lie_in_the_eyes_of_the_same_side(points):
    for name, iris in (("image_left_eye", 468), ("image_right_eye", 473)):
        mask = regions.polygon(points, regions.REGIONS[name], (512, 512))
        x, y = np.round(points[iris]).astype(int)
        assert mask[y, x] == 255


def test_the_lips_and_the_mouth_between_them_share_no_more_than_their_borders(points):
    large = (points - [170, 60]) * 8
    masks = [
        regions.polygon(large, regions.REGIONS[name], (900, 900)) > 127 for name in ("upper_lip", "lower_lip", "mouth")
    ]
    assert (np.sum(masks, axis=0) > 1).sum() < 0.12 * np.any(masks, axis=0).sum()


def test_the_faces_frame_puts_the_cheeks_at_one_and_the_chin_at_one(points):
    matrix = regions.frame(points)
    across = matrix[:, :2] @ points[[234, 454, 10, 152]].T + matrix[:, 2:]
    assert across[0, :2] == pytest.approx([-1, 1], abs=0.1)
    assert across[1, 2:] == pytest.approx([-1, 1], abs=0.1)


def test_without_mesh_and_matte_all_maps_are_zero():
    assert not regions.maps(None, None, (32, 48)).any()
    assert regions.maps(None, None, (32, 48)).shape == (len(regions.MAPS), 32, 48)


def test_the_mirrored_maps_are_those_of_the_mirrored_face(points):
    """On a flip eye and brow maps change places, `across` is inverted, and what was on the left is on the right."""
    side, names = 512, list(regions.MAPS)
    matte = np.zeros((side, side), np.uint8)
    matte[:, :200] = 255
    maps = regions.maps(points, matte, (side, side))
    planes = np.concatenate([np.zeros((3, side, side), np.uint8), maps])
    turned = mirror(planes).transpose(1, 2, 0)[..., 3:]
    reflected = points * [-1, 1] + [side - 1, 0]
    eye = regions.polygon(
        reflected, regions.REGIONS["image_left_eye"], (side, side)
    )  # this eye now lies on the image's right
    assert np.abs(turned[..., names.index("image_right_eye")].astype(int) - eye).mean() < 0.05
    across = turned[..., names.index("across")].astype(int)
    assert across[:, :10].mean() < 128 < across[:, -10:].mean()
    assert (turned[:, -200:, names.index("matte")] == 255).all()
    assert not turned[:, :-200, names.index("matte")].any()


def test_mirroring_twice_changes_nothing(points):
    maps = regions.maps(points, np.full((64, 64), 7, np.uint8), (64, 64))
    planes = np.concatenate([np.random.default_rng(0).integers(0, 256, (3, 64, 64), np.uint8), maps])
    assert np.abs(mirror(mirror(planes)).astype(int) - planes).max() <= 1


def test_distances_to_the_outline_hold_in_another_crop_of_the_same_face(points):
    larger = np.array([[1.3, 0, 5.0], [0, 1.3, -8.0]])
    oval = regions.maps(points, None, (400, 400))[0]
    known = cv2.warpAffine(oval, larger, (400, 400))
    moved = points @ larger[:, :2].T + larger[:, 2]
    anew = regions.maps(moved, None, (400, 400))
    assert (regions.maps(moved, None, (400, 400), known)[1:] == anew[1:]).all()
    assert (regions.maps(moved, None, (400, 400), known)[0] == known).all()
    near = slice(40, 360)
    assert np.abs(known[near, near].astype(int) - anew[0][near, near]).max() <= 4
