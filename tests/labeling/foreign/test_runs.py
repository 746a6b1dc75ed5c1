"""Masks as Label Studio and COCO write them: there and back, as those tools' own readers see them, and refused."""

import numpy as np
import pytest

from workbench.errors import StudyError
from workbench.labeling.foreign.runs import counts, packed, resized, uncounted, unpacked
from workbench.labeling.study.details import cells

SMALL = np.array([[0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 1]], bool)
BY_LABEL_STUDIO = [0, 0, 0, 48, 57, 27, 252, 96, 19, 255, 198, 1, 127, 254, 216, 4, 127, 224]
"""SMALL as Label Studio's own converter (label-studio-sdk 2.1.2, `encode_rle`) packs it."""


def _blobs(seed, height, width):
    rng = np.random.default_rng(seed)
    return resized(rng.random((7, 5)) > 0.5, width, height)


def test_a_mask_is_packed_as_label_studio_packs_it():
    assert packed(SMALL) == BY_LABEL_STUDIO
    assert unpacked(BY_LABEL_STUDIO, 4, 3).tolist() == SMALL.tolist()


@pytest.mark.parametrize("mask", [_blobs(1, 200, 300), np.zeros((9, 4), bool), np.ones((300, 301), bool)])
def test_masks_come_back_from_both_formats(mask):
    height, width = mask.shape
    assert (unpacked(packed(mask), width, height) == mask).all()
    assert (uncounted(counts(mask), width, height) == mask).all()


def test_single_values_and_other_word_sizes_are_read():
    """What the brush itself writes: literal values, colours beside the alpha."""
    bits = f"{8:032b}{7:05b}" + "".join(f"{n - 1:04b}" for n in (3, 4, 8, 16))
    bits += "0" + "00" + "111" + "".join(f"{n:08b}" for n in (9, 8, 7, 200, 5, 4, 3, 0))
    bits += "0" * (-len(bits) % 8)
    rle = [int(bits[k : k + 8], 2) for k in range(0, len(bits), 8)]
    assert unpacked(rle, 2, 1).tolist() == [[True, False]]


def test_coco_is_read_as_its_own_api_reads_it():
    from pycocotools import mask as coco

    mask = _blobs(2, 41, 57)
    compressed = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    text = {"size": list(compressed["size"]), "counts": compressed["counts"].decode()}
    assert (uncounted(text, 57, 41) == mask).all()
    again = coco.decode(coco.frPyObjects(counts(mask), 41, 57))
    assert (again.astype(bool) == mask).all()
    polygon = [[10.0, 5.0, 40.0, 5.0, 40.0, 30.0, 10.0, 30.0]]
    theirs = coco.decode(coco.merge(coco.frPyObjects(polygon, 41, 57))).astype(bool)
    ours = uncounted(polygon, 57, 41)
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.93  # a corner's half pixel is drawn otherwise


@pytest.mark.parametrize(("width", "height"), [(300, 200), (256, 256), (1023, 700), (257, 999)])
def test_a_drawing_comes_back_through_the_size_of_its_photo(width, height):
    size = cells("mask", width, height)
    drawn = np.random.default_rng(3).random((size[1], size[0])) > 0.5
    assert (resized(resized(drawn, width, height), *size) == drawn).all()


@pytest.mark.parametrize(
    ("rle", "width", "height"),
    [
        ("x", 4, 3),
        ([1, 2], 4, 3),
        ([0, 0, 0, 48, 300], 4, 3),
        (BY_LABEL_STUDIO[:-4], 4, 3),
        (BY_LABEL_STUDIO, 5, 3),
        (BY_LABEL_STUDIO, 10**9, 10**9),
        (BY_LABEL_STUDIO, True, 3),
        ([True, 0, 0], 4, 3),
    ],
)
def test_a_broken_brush_gets_a_sentence(rle, width, height):
    with pytest.raises(StudyError):
        unpacked(rle, width, height)


@pytest.mark.parametrize(
    "segmentation",
    [
        None,
        {"size": [3, 4], "counts": [5]},
        {"size": [4, 3], "counts": [12]},
        {"size": [3, 4], "counts": [-1, 13]},
        {"size": [3, 4], "counts": "\u20ac~~~~~~~"},
        {"size": [3, 4], "counts": [10**30]},
        [[1, 2, 3]],
        [[1, 2, 3, 4, float("nan"), 6]],
        ["abcdef"],
    ],
)
def test_a_broken_segmentation_gets_a_sentence(segmentation):
    with pytest.raises(StudyError):
        uncounted(segmentation, 4, 3)
