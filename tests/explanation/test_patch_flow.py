"""Patch flow against its formulas written number by number, and the second search that it orders."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from tests.explanation import toys
from workbench.errors import BadRequest
from workbench.explanation.choices import MARGINALS
from workbench.explanation.flow_picture import flow_picture
from workbench.explanation.patch_flow import Patches, flow, patch_flow, patches_of
from workbench.explanation.question import Question
from workbench.explanation.reranking import rerank
from workbench.explanation.targets import class_score, similarity


def random_patches(count: int, seed: int) -> Patches:
    maps = torch.randn(count, 9, 12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    units = nn.functional.normalize
    return Patches(units(maps, dim=2), units(maps.mean(dim=1), dim=1))


def by_formula(query: Patches, gallery: Patches, weights: str) -> tuple[np.ndarray, float]:
    """The paper's plan and likeness of one gallery face, by plain loops."""
    q, g = query.each[0].numpy(), gallery.each[0].numpy()
    q_centre, g_centre = query.centre[0].numpy(), gallery.centre[0].numpy()
    count = len(q)
    cost = np.array([[1 - g[i] @ q[j] for j in range(count)] for i in range(count)])
    u = {
        "uniform": np.ones(count),
        "sc": np.array([cost[i].sum() for i in range(count)]),
    }.get(weights, np.array([max(g[i] @ q_centre, 0) for i in range(count)]))
    v = {
        "uniform": np.ones(count),
        "sc": np.array([cost[:, j].sum() for j in range(count)]),
    }.get(weights, np.array([max(q[j] @ g_centre, 0) for j in range(count)]))
    joint = u.sum() + v.sum() + 1e-7
    u, v = (u / joint, v / joint) if weights == "uew" else (u / (u.sum() + 1e-7), v / (v.sum() + 1e-7))
    kernel = np.array([[math.exp(-cost[i, j] / 0.05) for j in range(count)] for i in range(count)])
    r, c = np.ones(count), np.ones(count)
    for _ in range(100):
        old = r
        r = np.array([u[i] / sum(kernel[i, j] * c[j] for j in range(count)) for i in range(count)])
        c = np.array([v[j] / sum(kernel[i, j] * r[i] for i in range(count)) for j in range(count)])
        if np.abs(r - old).mean() < 0.1:
            break
    plan = r[:, None] * kernel * c[None, :]
    return plan, float((plan * (1 - cost)).sum())


@pytest.mark.parametrize("weights", MARGINALS)
def test_the_flow_is_the_papers_formula_on_random_patches(weights):
    query, gallery = random_patches(1, 1), random_patches(1, 2)
    plan, alike = by_formula(query, gallery, weights)
    found = flow(query, gallery, weights)
    np.testing.assert_allclose(found.plan[0].numpy(), plan, atol=1e-5)
    assert float(found.similarity[0]) == pytest.approx(alike, abs=1e-5)


def test_a_plan_does_not_depend_on_what_else_is_in_the_batch():
    query, gallery = random_patches(1, 1), random_patches(5, 3)
    whole = flow(query, gallery).similarity
    alone = torch.cat([flow(query, gallery[[place]]).similarity for place in range(5)])
    torch.testing.assert_close(whole, alone)


def test_columns_take_exactly_what_they_should():
    found = flow(random_patches(1, 1), random_patches(3, 4))
    torch.testing.assert_close(found.plan.sum(dim=1), found.columns)


def seen() -> toys.Toy:
    return toys.Toy(nn.Sequential(nn.AvgPool2d(4), nn.Flatten()), 32, (), "0")


def test_the_patches_sum_to_a_likeness_that_is_nearly_whole_for_a_face_against_itself():
    chip = toys.chip(32)
    found = patch_flow(Question(similarity(seen(), chip), chip), grid=4)
    assert 0.9 < found.extra["emd"] < 1.0001
    assert found.extra["emd"] == pytest.approx(sum(found.extra["patches"]), abs=1e-4)
    assert found.values.shape == (32, 32)


def test_patches_that_changed_places_are_found():
    colours = torch.eye(3)[[0, 1, 2, 0]] * 255  # the last patch is a fourth one: white
    colours[3] = 255.0
    here = colours.T.reshape(1, 3, 2, 2).repeat_interleave(16, 2).repeat_interleave(16, 3)
    there = here.flip(-1)
    found = patch_flow(Question(similarity(seen(), there), here), grid=2, weights="uniform")
    assert found.extra["partners"] == [1, 0, 3, 2]
    assert found.extra["emd"] == pytest.approx(1.0, abs=0.02)


def test_tokens_of_a_transformer_are_patches_too():
    toy = toys.transformer()
    found = patches_of(toy, toys.chip(32).repeat(2, 1, 1, 1), grid=4)
    assert found.each.shape == (2, 16, 16)
    torch.testing.assert_close(found.each.norm(dim=2), torch.ones(2, 16))


def test_without_another_face_it_is_refused():
    with pytest.raises(BadRequest, match="give the other one too"):
        patch_flow(Question(class_score(toys.convolutional(), "yes"), toys.chip(32)))


def test_unknown_weights_are_refused():
    with pytest.raises(BadRequest, match="one of: apc"):
        flow(random_patches(1, 1), random_patches(1, 2), "best")


class TestASecondSearch:
    def test_orders_the_first_by_both_and_leaves_the_rest(self):
        query, gallery = random_patches(1, 1), random_patches(6, 3)
        similarity_ = torch.tensor([0.1, 0.6, 0.5, 0.2, 0.9, 0.3], dtype=torch.float64)
        found = rerank(query, gallery, similarity_, first=3, alpha=0.7)
        assert found.before.tolist() == [4, 1, 2, 5, 3, 0]
        alike = flow(query, gallery).similarity
        both = {place: 0.7 * float(alike[place]) + 0.3 * float(similarity_[place]) for place in (4, 1, 2)}
        assert found.after.tolist() == [*sorted(both, key=both.__getitem__, reverse=True), 5, 3, 0]
        assert np.isfinite(found.emd).tolist() == [False, True, True, False, True, False]

    def test_with_alpha_zero_changes_nothing(self):
        found = rerank(random_patches(1, 1), random_patches(6, 3), torch.arange(6.0), alpha=0.0)
        assert found.after.tolist() == found.before.tolist()

    def test_refuses_an_alpha_that_is_no_share(self):
        with pytest.raises(BadRequest, match="alpha"):
            rerank(random_patches(1, 1), random_patches(2, 3), torch.zeros(2), alpha=1.5)


def test_the_picture_joins_a_patch_with_its_partner_in_one_colour():
    faces = [np.full((32, 32, 3), value, np.float32) for value in (20.0, 230.0)]
    drawn = flow_picture(*faces, {"partners": [1, 0, 2, 3], "mass": [0.0, 0.0, 0.0, 0.4]})
    assert drawn.shape == (336, 720, 3)
    np.testing.assert_array_equal(drawn[84, 84], drawn[84, 336 + 48 + 252])
    np.testing.assert_array_equal(drawn[252, 252], drawn[252, 336 + 48 + 252])
    assert (drawn[84, 84] != drawn[252, 252]).any()
