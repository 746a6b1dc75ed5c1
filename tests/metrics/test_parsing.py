"""F1 and IoU per part, worked out by hand on small maps."""

import numpy as np
import pytest

from workbench.metrics.parsing import Tally, confusion, f1, iou


def test_a_map_against_itself_is_perfect():
    labels = np.array([[0, 1], [13, 18]], np.uint8)
    tally = Tally()
    tally.add(labels, labels)
    found = tally.figures()
    assert found["pooled_f1"] == found["picture_f1"] == found["miou"] == found["pixel_accuracy"] == 1
    assert set(found["f1"]) == {"background", "skin", "hair", "cloth"}


def test_three_of_four_hair_pixels_found_and_one_too_many():
    truth = np.array([13, 13, 13, 13, 0, 0], np.uint8)
    predicted = np.array([13, 13, 13, 0, 13, 0], np.uint8)
    table = confusion(truth, predicted)
    assert f1(table)[13] == pytest.approx(2 * 3 / (4 + 4))
    assert iou(table)[13] == pytest.approx(3 / 5)
    assert f1(table)[0] == pytest.approx(2 * 1 / (2 + 2))


def test_a_part_that_is_nowhere_in_the_truth_counts_in_no_mean_but_costs_those_it_covers():
    truth, predicted = np.zeros((2, 2), np.uint8), np.array([[0, 0], [0, 14]], np.uint8)
    tally = Tally()
    tally.add(truth, predicted)
    assert tally.figures()["f1"] == {"background": pytest.approx(6 / 7)}


def test_pooling_weighs_pixels_and_the_mean_per_picture_weighs_pictures():
    tally = Tally()
    tally.add(np.ones((10, 10), np.uint8), np.ones((10, 10), np.uint8))
    tally.add(np.ones((1, 1), np.uint8), np.zeros((1, 1), np.uint8))
    found = tally.figures()
    assert found["picture_f1"] == 0.5
    assert found["pooled_f1"] == pytest.approx(200 / 201)
    assert found["pictures"] == 2
