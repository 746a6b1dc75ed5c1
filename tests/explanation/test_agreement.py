"""Numbers of agreement on maps small enough to work out by hand, and the regions on a real face."""

import numpy as np
import pytest

from workbench.errors import BadRequest
from workbench.explanation import agreement
from workbench.explanation.human_masks import LOOK_AT, PATHS, human_mask
from workbench.explanation.units import SIXTY_EIGHT, UNIT_NAMES, UNITS, ellipses, unit_map, units_map


def test_shares_of_the_heat_by_hand():
    heat = np.array([[1.0, 3.0], [-5.0, 0.0]])
    labels = np.array([[1, 2], [1, 0]], np.uint8)
    found = {share.part: (share.heat, share.area) for share in agreement.part_shares(heat, labels)}
    assert found == {"nose": (0.75, 0.25), "skin": (0.25, 0.5), "background": (0.0, 0.25)}


def test_cam_cos_by_hand():
    assert agreement.cam_cos(np.array([[3.0, 4.0]]), np.array([[3.0, 4.0]])) == pytest.approx(1.0)
    assert agreement.cam_cos(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]])) == pytest.approx(2**-0.5)
    assert agreement.cam_cos(np.array([[-1.0, 0.0]]), np.array([[1.0, 1.0]])) == 0.0


def test_iou_takes_as_many_hot_pixels_as_the_mask_has():
    mask = np.array([[1, 1, 0, 0]])
    assert agreement.iou(np.array([[9.0, 8.0, 1.0, 0.0]]), mask) == 1.0
    assert agreement.iou(np.array([[9.0, 1.0, 8.0, 0.0]]), mask) == pytest.approx(1 / 3)
    assert agreement.iou(np.array([[0.0, 0.0, 8.0, 9.0]]), mask) == 0.0
    assert agreement.iou(np.zeros((1, 4)), mask) == 0.0


def test_chance_iou_is_what_random_maps_reach():
    mask = np.zeros((40, 40), bool)
    mask[:10] = True
    random = np.random.default_rng(0)
    mean = np.mean([agreement.iou(random.random((40, 40)), mask) for _ in range(300)])
    assert mean == pytest.approx(agreement.chance_iou(mask), abs=0.005)


def test_rank_agreement_asks_for_the_order_only():
    heat = np.random.default_rng(0).random((8, 8))
    table = agreement.rank_agreement([heat, np.exp(5 * heat), -heat, np.zeros((8, 8))])
    assert table[0, 1] == pytest.approx(1.0)
    assert table[0, 2] == pytest.approx(-1.0)
    assert table[0, 3] == 0.0
    assert np.array_equal(table, table.T)


def test_maps_of_two_shapes_are_refused():
    with pytest.raises(BadRequest, match="one shape"):
        agreement.cam_cos(np.zeros((2, 2)), np.zeros((3, 3)))


class TestOnAFace:
    @pytest.fixture(scope="class")
    def mesh(self, astronaut_face):
        """The astronaut's mesh in a 128-pixel chip around her face."""
        points = astronaut_face.mesh[:, :2].astype(np.float64)
        low, high = points[:468].min(axis=0), points[:468].max(axis=0)
        side = (high - low).max() * 1.2
        return (points - (low + high) / 2 + side / 2) * (128 / side)

    def place(self, heat):
        rows, columns = np.mgrid[: heat.shape[0], : heat.shape[1]]
        return np.array([(heat * columns).sum(), (heat * rows).sum()]) / heat.sum()

    def test_the_tables_are_whole(self):
        assert len(SIXTY_EIGHT) == 68
        assert len(UNIT_NAMES) == 20
        assert UNITS.keys() == LOOK_AT.keys()
        assert all(region in PATHS for regions in LOOK_AT.values() for region in regions)
        assert len(ellipses(np.random.default_rng(0).random((68, 2)) * 200, 12)) == 2

    def test_all_twenty_units_can_be_drawn(self, mesh):
        for unit in range(20):
            assert unit_map(mesh, 128, unit).max() > 0.3

    @pytest.mark.parametrize(("unit", "point"), [(11, 152), (6, 4), (2, 9), (13, 13), (15, 13)])
    def test_a_unit_lies_where_its_muscle_shows(self, mesh, unit, point):
        width = mesh[454, 0] - mesh[234, 0]
        assert np.linalg.norm(self.place(unit_map(mesh, 128, unit)) - mesh[point]) < 0.2 * width

    def test_units_come_in_pairs_left_and_right(self, mesh):
        middle = round(mesh[[1, 9, 152], 0].mean())
        for expression in UNITS:
            heat = units_map(mesh, 128, expression)
            left, right = heat[:, :middle].sum(), heat[:, middle:].sum()
            assert 0.6 < left / right < 1.6

    def test_they_scale_with_the_face(self, mesh):
        small, large = units_map(mesh / 2, 128, "happy").sum(), units_map(mesh, 128, "happy").sum()
        assert large / small == pytest.approx(4, rel=0.25)

    def test_the_happy_mask_holds_cheeks_mouth_and_eye_corners_and_not_the_forehead(self, mesh):
        mask = human_mask(mesh, 128, "happy")
        inside = lambda point: mask[int(mesh[point, 1]), int(mesh[point, 0])]  # noqa: E731
        assert all(inside(point) for point in (205, 425, 13, 61, 291, 159, 386))
        assert not any(inside(point) for point in (151, 1, 199))

    def test_masks_differ_between_expressions_and_cover_part_of_the_face(self, mesh):
        masks = {name: human_mask(mesh, 128, name) for name in LOOK_AT}
        for name, mask in masks.items():
            assert 0.05 < mask.mean() < 0.5, name
        assert agreement.iou(masks["happy"].astype(float), masks["surprise"]) < 0.7

    @pytest.mark.parametrize("draw", [units_map, human_mask])
    def test_neutral_has_none(self, mesh, draw):
        with pytest.raises(BadRequest, match="neutral"):
            draw(mesh, 64, "neutral")
