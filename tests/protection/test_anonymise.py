"""Blur, mosaic and silhouette hide a face, and only that."""

import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.protection.anonymise import KINDS, anonymise
from workbench.tasks.detection import find_faces
from workbench.tasks.recognition import verify
from workbench.values import Face


@pytest.mark.parametrize("kind", KINDS)
def test_no_face_is_found_afterwards_and_no_recogniser_matches(
    kind: str, bench, astronaut, astronaut_face, finder
) -> None:
    """The recogniser is even told where the face is."""
    hidden = anonymise(astronaut, [astronaut_face], kind)

    assert find_faces(hidden, finder) == ()
    assert verify(astronaut, astronaut_face, hidden, astronaut_face, bench.model("dlib")).same is False


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_ellipse_around_the_face_changes(kind: str, astronaut, astronaut_face) -> None:
    before = astronaut.copy()
    hidden = anonymise(astronaut, [astronaut_face], kind)
    changed = (hidden != astronaut).any(axis=2)
    left, top, right, bottom = astronaut_face.box.astype(int)
    half = int(0.8 * astronaut_face.size)
    x, y = (left + right) // 2, (top + bottom) // 2
    near = np.zeros_like(changed)
    near[y - half : y + half, x - half : x + half] = True

    assert changed[top:bottom, left:right].mean() > 0.8
    assert not changed[~near].any()
    assert not changed[y - half, x - half]
    assert np.array_equal(astronaut, before)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_chosen_faces_are_hidden(kind: str, astronaut, astronaut_face) -> None:
    both = np.hstack([astronaut, astronaut])
    shift = np.array([512, 0], np.float32)
    first = Face(astronaut_face.box.round(), astronaut_face.points.round(), 0.9)
    second = Face(first.box + np.tile(shift, 2), first.points + shift, 0.9)

    one, two = anonymise(both, [second], kind), anonymise(both, [first, second], kind)

    assert np.array_equal(one[:, :512], astronaut)
    assert np.array_equal(two[:, :512], one[:, 512:])
    assert np.array_equal(anonymise(both, [], kind), both)


@pytest.mark.parametrize("kind", ["blur", "mosaic"])
def test_near_and_far_faces_are_hidden_alike(kind: str, astronaut, astronaut_face) -> None:
    """What is left of a face twice as large is twice as large: the same picture at half the size."""
    import cv2

    large = cv2.resize(astronaut, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    face = Face(astronaut_face.box * 2, astronaut_face.points * 2, 0.9)
    small, back = anonymise(astronaut, [astronaut_face], kind), anonymise(large, [face], kind)

    apart = np.abs(cv2.resize(back, (512, 512), interpolation=cv2.INTER_AREA).astype(int) - small)
    assert apart.mean() < 2


def test_a_stronger_blur_leaves_less(astronaut, astronaut_face) -> None:
    left, top, right, bottom = astronaut_face.box.astype(int)
    contrast = [
        anonymise(astronaut, [astronaut_face], "blur", strength)[top:bottom, left:right].std()
        for strength in (0.25, 1.0, 2.0)
    ]

    assert contrast[0] > contrast[1] > contrast[2]


def test_a_face_across_the_edge_is_hidden_as_far_as_it_goes(astronaut, astronaut_face) -> None:
    x = int(astronaut_face.points[2, 0])
    half = astronaut[:, :x].copy()

    assert (anonymise(half, [astronaut_face], "silhouette") != half).any()
    gone = Face(astronaut_face.box + 5000, astronaut_face.points + 5000, 0.9)
    assert np.array_equal(anonymise(half, [gone], "blur"), half)


def test_unknown_ways_are_refused_in_words(astronaut, astronaut_face) -> None:
    with pytest.raises(BadRequest, match="no anonymisation 'swirl'"):
        anonymise(astronaut, [astronaut_face], "swirl")
    with pytest.raises(BadRequest, match=r"expected 0\.25 to 4"):
        anonymise(astronaut, [astronaut_face], "blur", 9)


def test_sizes_grow_and_shrink_what_is_hidden(astronaut, astronaut_face) -> None:
    def changed(size: float) -> int:
        hidden = anonymise(astronaut, [astronaut_face], "silhouette", 1.0, size)
        return int((hidden != astronaut).any(axis=2).sum())

    usual = changed(1.0)
    assert changed(0.7) == pytest.approx(0.49 * usual, rel=0.03)
    assert changed(1.5) == pytest.approx(2.25 * usual, rel=0.03)
    with pytest.raises(BadRequest, match=r"size: expected 0\.7 to 2"):
        anonymise(astronaut, [astronaut_face], "blur", 1.0, 3.0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_is_hidden_to_its_last_pixel_and_little_around_it(kind: str, astronaut, astronaut_face) -> None:
    mask = np.zeros(astronaut.shape[:2], bool)
    mask[80:150, 190:250] = True
    hidden = anonymise(astronaut, [astronaut_face], kind, 2.0, 1.0, {astronaut_face: mask})
    wider = anonymise(astronaut, [astronaut_face], kind, 2.0, 1.2, {astronaut_face: mask})
    changed = (hidden != astronaut).any(axis=2)
    assert changed[mask].mean() > 0.9
    assert not changed[:60].any()
    assert not changed[:, :170].any()
    assert (wider != astronaut).any(axis=2).sum() > changed.sum()


def test_an_empty_mask_hides_nothing(astronaut, astronaut_face) -> None:
    empty = np.zeros(astronaut.shape[:2], bool)
    assert (anonymise(astronaut, [astronaut_face], "blur", 1.0, 1.0, {astronaut_face: empty}) == astronaut).all()
