"""HyperFace's packing: points move apart and stay near the gallery, more so the more it weighs."""

import numpy as np
import pytest

from workbench.errors import BadRequest, Cancelled
from workbench.generation import gallery_packing
from workbench.generation.gallery_packing import measured, packed_by_gallery
from workbench.generation.population import Population
from workbench.watch import Watch

FACES = Population(np.full(16, 0.2), np.eye(16)[:4], np.full(4, 0.4), 0.15, (1.0, 0.0))
GALLERY = FACES.sample(300, 5)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_packing, "ROUNDS", 300)


def test_points_move_apart_and_a_heavier_gallery_holds_them_nearer() -> None:
    start = GALLERY[np.random.default_rng(0).choice(300, 20, replace=False)]
    drawn, free, held = (
        measured(rows, GALLERY, 30)
        for rows in (start, packed_by_gallery(20, GALLERY, weight=0), packed_by_gallery(20, GALLERY, weight=4))
    )

    assert free.least > drawn.least + 5
    assert held.least > drawn.least
    assert held.away < free.away
    assert held.near >= free.near


def test_the_slope_is_the_gradient() -> None:
    draw = np.random.default_rng(3)
    rows, gallery = (gallery_packing._unit(draw.standard_normal((n, 6))) for n in (5, 9))
    slope, value = gallery_packing._slope(rows, gallery, 0.7)
    step = 1e-6 * draw.standard_normal(rows.shape)

    assert gallery_packing._slope(rows + step, gallery, 0.7)[1] - value == pytest.approx(
        (slope * step).sum(), abs=1e-10
    )


def test_the_seed_decides_and_vectors_have_unit_length() -> None:
    first, again, other = (packed_by_gallery(8, GALLERY, seed=seed) for seed in (1, 1, 2))

    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    assert np.linalg.norm(first, axis=1) == pytest.approx(np.ones(8), abs=1e-5)


def test_what_has_no_meaning_is_refused_and_cancel_stops_it() -> None:
    with pytest.raises(BadRequest, match="2 to 300"):
        packed_by_gallery(301, GALLERY)
    with pytest.raises(BadRequest, match="weight"):
        packed_by_gallery(8, GALLERY, weight=-1)
    with pytest.raises(Cancelled):
        packed_by_gallery(8, GALLERY, watch=Watch(cancelled=lambda: True))
