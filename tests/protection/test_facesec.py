"""The matrix of attacks: each perturbation lies where it would be worn, works when it knows the network, and is counted
as white box or transfer."""

import numpy as np
import pytest
import torch

from tests.protection import toys
from workbench import images
from workbench.protection import facesec
from workbench.protection.facesec import Attack, perturbed, tallied, worn
from workbench.protection.scene import make_scene
from workbench.protection.views import views


@pytest.fixture(scope="module")
def two(astronaut, astronaut_face):
    """The astronaut twice, the second time darker."""
    dark = (astronaut * 0.8).astype(np.uint8)
    return make_scene([astronaut, dark], [astronaut_face] * 2, [None, None])


def test_perturbations_lie_where_they_are_worn(two, astronaut_face) -> None:
    canvas = two.canvases[0]
    points = images.apply(canvas.matrix, astronaut_face.mesh[:, :2].astype(np.float64)).round().astype(int)
    masks = {kind: worn(canvas, astronaut_face, kind) for kind in facesec.PERTURBATIONS}

    def at(kind: str, point: int) -> float:
        x, y = points[point]
        return float(masks[kind][y, x])

    assert at("glasses", 168) > 0.5, "the bridge of the nose"
    assert at("glasses", 1) == at("glasses", 10) == 0
    assert max(at("glasses", 159), at("glasses", 386)) < 0.2, "lids lie inside the rims"
    assert at("sticker", 9) > 0.5 > 0.1 > at("sticker", 1)
    assert at("mask", 1) > 0.9 > 0.1 > at("mask", 9)
    assert masks["pixels"].sum() > masks["mask"].sum() > masks["glasses"].sum() > 500


@pytest.mark.parametrize("kind", ["pixels", "mask"])
@pytest.mark.parametrize("goal", facesec.GOALS)
def test_knowing_the_network_brings_its_goal_nearer_within_bounds(two, kind: str, goal: str) -> None:
    (view,) = views([toys.ToyRecogniser("a", 1)], two)
    target = torch.nn.functional.normalize(torch.randn(16, generator=torch.Generator().manual_seed(5)), dim=0)
    aimed = target if goal == "impersonation" else None
    after = perturbed(two, view, Attack(kind, goal, "one picture", "a"), aimed, 4)

    both = [view.both(canvas, target.expand(2, -1)) for canvas in (two.pixels, after)]
    if goal == "dodging":
        assert bool((both[1][0] < both[0][0]).all())
    else:
        assert bool((both[1][1] > both[0][1]).all())
    if kind == "pixels":
        assert float((after - two.pixels).abs().max()) <= facesec.REACH + 1e-3


def test_a_universal_perturbation_is_one_for_all(two) -> None:
    (view,) = views([toys.ToyRecogniser("a", 1)], two)
    covered = torch.from_numpy(worn(two.canvases[0], two.faces[0], "mask") > 0.999)[None].expand(3, -1, -1)

    one, own = (
        perturbed(two, view, Attack("mask", "dodging", capability, "a"), None, 3)
        for capability in ("universal", "one picture")
    )

    torch.testing.assert_close(one[0][covered], one[1][covered], atol=0.5, rtol=0)
    assert not torch.allclose(own[0][covered], own[1][covered], atol=0.5)


def test_readings_count_by_what_was_known_and_lost_faces_apart() -> None:
    def row(goal: str, before: float, after: float | None) -> dict:
        return {
            "perturbation": "glasses", "goal": goal, "capability": "universal", "source": "a",
            "before": {"a": before, "b": before}, "after": None if after is None else {"a": after, "b": 0.2},
        }  # fmt: skip

    rows = [row("dodging", 0.5, -0.1), row("dodging", 0.5, 0.1), row("dodging", -0.5, -0.6), row("dodging", 0.5, None)]
    dodging, impersonation = tallied([*rows, row("impersonation", -0.4, 0.3), row("impersonation", 0.4, 0.3)])

    assert (dodging["white box"], dodging["transfer"], dodging["lost"]) == ([1, 2], [0, 2], 1)
    assert (impersonation["white box"], impersonation["transfer"], impersonation["lost"]) == ([1, 1], [1, 1], 0)
    assert "50 % (1/2; 9–91)" in facesec.printed(rows)
