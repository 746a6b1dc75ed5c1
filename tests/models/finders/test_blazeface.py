"""BlazeFace's arithmetic, on numbers small enough to check by hand."""

import numpy as np
import pytest

from workbench.detections import Detections, blend, join, overlap
from workbench.models.finders.blazeface import anchors, decode


def detections(boxes: list[list[float]], scores: list[float]) -> Detections:
    array = np.array(boxes, np.float32)
    return Detections(array, array.repeat(3, axis=0).reshape(-1, 6, 2), np.array(scores, np.float32))


def test_anchors_are_cell_centres_from_the_finest_layer_on():
    centres = anchors(64, ((16, 2), (32, 6)))
    assert centres.shape == (4 * 4 * 2 + 2 * 2 * 6, 2)
    assert centres[0].tolist() == centres[1].tolist() == [0.125, 0.125]
    assert centres[2].tolist() == [0.375, 0.125]
    assert centres[8].tolist() == [0.125, 0.375]
    assert centres[32].tolist() == [0.25, 0.25]
    assert np.abs(centres.mean(axis=0) - 0.5).max() < 1e-6


def test_the_networks_have_as_many_anchors_as_outputs():
    assert len(anchors(256, ((16, 2), (32, 6)))) == 896
    assert len(anchors(192, ((4, 1),))) == 2304


def test_a_box_is_centre_and_size_relative_to_its_anchor():
    regression = np.zeros((2, 16), np.float32)
    regression[1] = [10, -20, 40, 60, *range(12)]
    found = decode(regression, np.array([-9.0, 0.0]), np.array([[0, 0], [0.5, 0.5]], np.float32), 256, 0.5)
    assert found.boxes.tolist() == [[128 + 10 - 20, 128 - 20 - 30, 128 + 10 + 20, 128 - 20 + 30]]
    assert found.keypoints[0].tolist() == [[128 + 2 * i, 129 + 2 * i] for i in range(6)]
    assert found.scores.tolist() == [0.5]


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.9])
def test_the_threshold_is_a_probability(threshold):
    logits = np.linspace(-6, 6, 200)
    found = decode(np.ones((200, 16), np.float32), logits, np.full((200, 2), 0.5, np.float32), 64, threshold)
    assert len(found) == (1 / (1 + np.exp(-logits)) >= threshold).sum()
    assert found.scores.min() >= threshold - 1e-6


def test_huge_logits_do_not_overflow():
    found = decode(np.ones((2, 16), np.float32), np.array([1e4, 90.0]), np.full((2, 2), 0.5, np.float32), 64, 0.5)
    assert found.scores.tolist() == [1, 1]


def test_overlap_of_known_boxes():
    boxes = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [2, 0, 4, 2], [5, 5, 6, 6]], np.float32)
    assert overlap(boxes[0], boxes) == pytest.approx([1, 1 / 3, 0, 0])


def test_blend_takes_the_weighted_mean_and_the_best_score():
    merged = blend(detections([[0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60]], [0.9, 0.3, 0.6]))
    assert merged.scores == pytest.approx([0.9, 0.6])
    assert merged.boxes[0] == pytest.approx([0.5, 0, 10.5, 10])
    assert merged.boxes[1] == pytest.approx([50, 50, 60, 60])
    assert merged.keypoints.shape == (2, 6, 2)


def test_blend_orders_by_score_whatever_the_order_given():
    merged = blend(detections([[0, 0, 4, 4], [20, 0, 24, 4], [40, 0, 44, 4]], [0.4, 0.9, 0.6]))
    assert merged.boxes[:, 0].tolist() == [20, 40, 0]


def test_nothing_blends_and_joins_to_nothing():
    assert len(blend(join([]))) == 0
    assert join([]).keypoints.shape == (0, 6, 2)


def test_a_box_without_area_does_not_loop_for_ever():
    assert len(blend(detections([[5, 5, 5, 5], [5, 5, 5, 5]], [0.9, 0.8]))) == 2


def test_moved_scales_first_and_shifts_then():
    moved = detections([[1, 2, 3, 4]], [0.9]).moved(2, (10, 100))
    assert moved.boxes.tolist() == [[12, 104, 16, 108]]
    assert moved.keypoints[0, 0].tolist() == [12, 104]
