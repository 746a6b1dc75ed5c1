"""From the photo to the chip and back: the map lies on the face, mirrors with the photo, can be repeated, and refuses
what it must."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from tests.explanation import toys
from workbench.errors import BadRequest, Cancelled
from workbench.explanation import explain as explanation
from workbench.explanation import many as explanation_overview
from workbench.explanation import record as explanation_record
from workbench.explanation.targets import class_score, named
from workbench.geometry import apply, invert, square_crop
from workbench.images import warp
from workbench.thresholds import Metric
from workbench.values import Face, Parsing


class OnFace(toys.Toy):
    """A toy that looks at a square around the face's nose."""

    def window(self, face, shape=()):
        return square_crop(face.points[2], 1.3 * face.size, 0.0, self.size), self.size

    def crop(self, image, face):
        matrix, size = self.window(face)
        return warp(image, matrix, (size, size))


def linear(metric: str = "cosine") -> OnFace:
    toy = OnFace(toys.Linear(32), 32, ("yes", "no"))
    toy.metric = Metric.of(metric)
    return toy


def convolutional() -> OnFace:
    toy = OnFace(toys.Convolutional(symmetric=True), 32, ("yes", "no"), "body")
    toy.metric = Metric.COSINE
    return toy


@pytest.fixture
def photo() -> np.ndarray:
    coarse = torch.rand((1, 3, 9, 12), generator=torch.Generator().manual_seed(4)) * 255
    return nn.functional.interpolate(coarse, (120, 160), mode="bilinear")[0].permute(1, 2, 0).numpy().astype(np.uint8)


@pytest.fixture
def face() -> Face:
    box = np.array([50, 30, 110, 100], np.float32)
    return Face(box, np.array([[65, 55], [95, 55], [80, 68], [68, 82], [92, 82]], np.float32), 0.9)


def flipped(face: Face, width: int) -> Face:
    box = np.array([width - 1 - face.box[2], face.box[1], width - 1 - face.box[0], face.box[3]], np.float32)
    points = face.points[[1, 0, 2, 4, 3]].copy()
    points[:, 0] = width - 1 - points[:, 0]
    return Face(box, points, face.score)


def parsing_of(photo: np.ndarray, face: Face) -> Parsing:
    labels, owners = np.zeros((2, *photo.shape[:2]), np.uint8)
    labels[30:60, 50:110], labels[60:100, 50:110] = 13, 1
    owners[30:100, 50:110] = 1
    return Parsing(labels, owners, (face,), "drawn")


def test_the_map_is_as_large_as_the_photo_and_zero_outside_the_chip(photo, face):
    heatmap = explanation.explain(class_score(linear(), "yes"), photo, face, "integrated_gradients")
    assert heatmap.values.shape == photo.shape[:2]
    assert (heatmap.method, heatmap.model, heatmap.target) == ("integrated_gradients", "toy", "“yes”")
    matrix, size = linear().window(face)
    x, y = np.meshgrid(np.arange(160), np.arange(120))
    inside = apply(matrix, np.stack([x, y], -1).astype(float))
    outside = ((inside < -1) | (inside > size)).any(axis=-1)
    assert outside.any()
    assert not heatmap.values[outside].any()
    assert heatmap.values[~outside].any()


def test_a_hot_spot_on_the_chip_lands_on_the_same_spot_of_the_photo(photo, face):
    matrix, size = linear().window(face)
    chip = np.zeros((size, size), np.float32)
    chip[20:22, 8:10] = 1
    found = explanation.on_photo(chip, matrix, photo.shape)
    down, across = np.unravel_index(found.argmax(), found.shape)
    assert np.hypot(*(np.array([across, down]) - apply(invert(matrix), np.array([8.5, 20.5])))) < 2.5


@pytest.mark.parametrize("method", ["grad_cam", "occlusion", "integrated_gradients"])
def test_a_mirrored_photo_gives_the_mirrored_map(photo, face, method):
    target = class_score(convolutional(), "yes")
    knobs = {"window": 8, "stride": 4} if method == "occlusion" else {}
    here = explanation.explain(target, photo, face, method, knobs).values
    there = explanation.explain(target, photo[:, ::-1].copy(), flipped(face, 160), method, knobs).values
    assert np.abs(here).max() > 0
    assert np.corrcoef(there[:, ::-1].ravel(), here.ravel())[0, 1] > 0.98  # the crop rounds to whole grey levels


def test_the_same_seed_draws_the_same_map_and_another_one_does_not(photo, face):
    target = class_score(convolutional(), "yes")
    first, second, third = (
        explanation.explain(target, photo, face, "rise", {"masks": 60}, seed=seed).values for seed in (3, 3, 4)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)


def test_parts_of_the_photo_become_parts_of_the_chip(photo, face):
    parsing = parsing_of(photo, face)
    found = explanation.explained(
        class_score(linear(), "yes"), photo, face, "part_shapley", {"permutations": 3}, parsing=parsing
    )
    assert set(found.heatmap.extra["parts"]) == {"background", "hair", "skin"}
    matrix, _ = linear().window(face)
    for point, part in (((80, 40), 13), ((80, 90), 1)):
        column, row = apply(matrix, np.array(point, float)).round().astype(int)
        assert found.question.regions[row, column] == part


def test_other_peoples_parts_are_background(photo, face):
    parsing = parsing_of(photo, face)
    other = Parsing(
        parsing.labels,
        np.where(parsing.labels == 13, 2, parsing.owners).astype(np.uint8),
        (face, flipped(face, 400)),
        "drawn",
    )
    matrix, size = linear().window(face)
    assert set(np.unique(explanation.regions_on_chip(other, face, matrix, size, photo.shape))) == {0, 1}


def test_a_parsing_of_another_photo_or_face_is_refused(photo, face):
    matrix, size = linear().window(face)
    with pytest.raises(BadRequest, match="another photo"):
        explanation.regions_on_chip(parsing_of(photo, face), face, matrix, size, (50, 50, 3))
    with pytest.raises(BadRequest, match="does not hold this face"):
        explanation.regions_on_chip(parsing_of(photo, flipped(face, 500)), face, matrix, size, photo.shape)


def test_what_cannot_work_is_refused_before_it_starts(photo, face):
    target = class_score(linear(), "yes")
    with pytest.raises(BadRequest, match="There is no method"):
        explanation.explain(target, photo, face, "magic")
    with pytest.raises(BadRequest, match="needs a parsed face"):
        explanation.explain(target, photo, face, "part_shapley")
    with pytest.raises(BadRequest, match="two faces"):
        explanation.explain(target, photo, face, "signed_holes")
    with pytest.raises(BadRequest, match="Layer masking"):
        explanation.explain(target, photo, face, "occlusion", {"fill": "layer"})
    with pytest.raises(BadRequest, match="expected an RGB array"):
        explanation.explain(target, [[0]], face)


def test_cancel_goes_through(photo, face):
    with pytest.raises(Cancelled, match="nothing was kept"):
        explanation.explain(class_score(convolutional(), "yes"), photo, face, "occlusion", cancelled=lambda: True)


class TestPairs:
    def test_both_faces_are_explained_each_by_the_other(self, photo, face):
        other = np.ascontiguousarray(photo[::-1])
        one, two = explanation.explain_pair(
            convolutional(), (photo, face), (other, face), "occlusion", {"window": 8, "stride": 4}
        )
        back, forth = explanation.explain_pair(
            convolutional(), (other, face), (photo, face), "occlusion", {"window": 8, "stride": 4}
        )
        np.testing.assert_allclose(one.heatmap.values, forth.heatmap.values, atol=1e-6)
        np.testing.assert_allclose(two.heatmap.values, back.heatmap.values, atol=1e-6)
        assert not np.allclose(one.heatmap.values, two.heatmap.values)

    def test_covering_a_face_that_equals_the_other_only_parts_them(self, photo, face):
        one, _ = explanation.explain_pair(
            convolutional(), (photo, face), (photo, face), "occlusion", {"window": 8, "stride": 4}
        )
        assert one.chip_map.values.min() >= -1e-6
        assert one.chip_map.values.max() > 0

    def test_signed_holes_are_offered(self, photo, face):
        one, two = explanation.explain_pair(
            convolutional(), (photo, face), (photo[:, ::-1].copy(), face), "signed_holes", {"masks": 100}
        )
        assert np.abs(one.chip_map.values).max() == pytest.approx(1)
        assert two.pair


class TestProof:
    def test_layer_masking_is_refused_where_there_are_no_convolutions(self, photo, face):
        found = explanation.explained(class_score(linear(), "yes"), photo, face, "occlusion")
        with pytest.raises(BadRequest, match="Layer masking"):
            explanation.proof_of(found, fill="layer")

    def test_a_black_box_is_proved_without_shuffled_weights(self, photo, face):
        toy = convolutional()
        toy.spec.gradients = False
        proof = explanation.proof_of(
            explanation.explained(class_score(toy, "yes"), photo, face, "occlusion"), steps=4, randoms=5
        )
        assert proof.randomisation is None
        assert np.isfinite(proof.verdict.gain)

    def test_shares_come_from_the_parsing(self, photo, face):
        found = explanation.explained(
            class_score(convolutional(), "yes"), photo, face, "occlusion", parsing=parsing_of(photo, face)
        )
        proof = explanation.proof_of(found, steps=4, randoms=5, randomise=False)
        assert {share.part for share in proof.shares} == {"background", "hair", "skin"}
        assert sum(share.heat for share in proof.shares) == pytest.approx(1)


class TestRecord:
    @pytest.fixture
    def found(self, photo, face):
        return explanation.explained(class_score(convolutional(), "yes"), photo, face, "rise", {"masks": 60}, seed=9)

    def test_the_recipe_makes_the_same_map_again(self, found, photo, face):
        recipe = explanation_record.recipe(found, photo, 1, "yes", "")
        again = explanation_record.read_recipe(explanation_record.as_json(recipe, found))
        assert again["photo_sha256"] == explanation_record.photo_hash(photo)
        repeated = explanation.explain(
            named(convolutional(), "expression", again["target"]),
            photo,
            face,
            again["method"],
            again["knobs"],
            seed=again["seed"],
        )
        assert np.array_equal(repeated.values, found.heatmap.values)

    def test_the_command_in_it_can_be_read_by_the_command_line(self, found, photo):
        import argparse
        import shlex

        from workbench.cli import explain

        words = shlex.split(explanation_record.recipe(found, photo, 2, "yes", "mesh", "my photo.jpg")["command"])
        assert words[:4] == ["python", "-m", "workbench", "explain"]
        parser = argparse.ArgumentParser()
        explain.add_arguments(parser)
        args = parser.parse_args(words[4:])
        assert (args.folder.name, args.model, args.target, args.face, args.seed) == ("my photo.jpg", "toy", "yes", 2, 9)
        run = explain._from_arguments(args, None)
        assert run["knobs"] == found.knobs

    def test_numbers_hold_map_chip_and_curves(self, found, tmp_path):
        proof = explanation.proof_of(found, steps=4, randoms=5, randomise=False)
        path = tmp_path / "numbers.npz"
        path.write_bytes(explanation_record.as_npz(found, proof))
        with np.load(path) as saved:
            assert np.array_equal(saved["heatmap"], found.heatmap.values)
            assert saved["chip"].shape == (32, 32, 3)
            assert saved["deletion"].shape == (8, 5)

    def test_what_could_not_be_measured_is_null(self, found, photo):
        proof = explanation.proof_of(found, steps=4, randoms=5, stages=1)
        text = explanation_record.as_json(explanation_record.recipe(found, photo, 1, "yes", ""), found, proof)
        assert "NaN" not in text.decode()
        assert json.loads(text)["proof"]["verdict"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [(b"{", "not JSON"), (b"[]", "lacks what makes it one"), (b'{"recipe": 1}', "lacks what makes it one")],
    )
    def test_other_files_are_refused(self, text, message):
        with pytest.raises(BadRequest, match=message):
            explanation_record.read_recipe(text)

    @pytest.mark.parametrize(
        "change", [{"model": ["fer"]}, {"seed": True}, {"seed": 1e308}, {"knobs": 7}, {"face": "1"}, {"parser": {}}]
    )
    def test_a_recipe_of_other_kinds_of_values_is_refused(self, found, photo, change):
        whole = explanation_record.recipe(found, photo, 1, "yes", "")
        assert explanation_record.read_recipe(json.dumps(whole).encode())["seed"] == 9
        with pytest.raises(BadRequest, match=f"recipe's {next(iter(change))} is none"):
            explanation_record.read_recipe(json.dumps(whole | change).encode())
        with pytest.raises(BadRequest, match="not JSON"):
            explanation_record.read_recipe(b"[" * 200_000)


class TestManyAtOnce:
    def test_a_grid_says_why_a_cell_is_empty(self, photo, face):
        models = {"conv": (convolutional(), "expression"), "linear": (linear(), "expression")}
        grid = explanation_overview.compare(
            models, ["grad_cam", "integrated_gradients"], "yes", photo, face, prove=False
        )
        assert [cell.explanation is not None for cell in grid.cells] == [True, True, False, True]
        assert "last layer still has places" in grid.cells[2].reason
        assert grid.names == ("conv · Grad-CAM", "conv · Integrated gradients", "linear · Integrated gradients")
        assert np.allclose(np.diag(grid.agreement), 1)

    def test_a_grid_of_nothing_is_refused(self, photo, face):
        with pytest.raises(BadRequest, match="None of these methods"):
            explanation_overview.compare({"linear": (linear(), "expression")}, ["grad_cam"], "yes", photo, face)

    def test_a_broken_file_and_an_empty_photo_are_listed_and_the_rest_is_averaged(self, photo, face, monkeypatch):
        monkeypatch.setattr(
            explanation_overview, "find_faces", lambda image, finder: () if image.max() == 0 else (face,)
        )

        def broken() -> np.ndarray:
            raise BadRequest("it breaks off")

        photos = [
            ("good.jpg", lambda: photo),
            ("broken.jpg", broken),
            ("empty.jpg", lambda: photo * 0),
            ("good2.jpg", lambda: photo),
        ]
        found = explanation_overview.survey(
            photos,
            None,
            {"a": convolutional(), "b": linear()},
            ["integrated_gradients"],
            lambda name, image, face: "yes",
        )
        assert [(row.who, row.faces) for row in found.rows] == [("a", 2), ("b", 2)]
        assert found.missing == (("broken.jpg", "it breaks off"), ("empty.jpg", "no face was found"))

    def test_cancel_stops_the_survey(self, photo, face, monkeypatch):
        monkeypatch.setattr(explanation_overview, "find_faces", lambda image, finder: (face,))
        from workbench.watch import Watch

        with pytest.raises(Cancelled):
            explanation_overview.survey(
                [("a", lambda: photo)],
                None,
                {"a": linear()},
                ["occlusion"],
                lambda *a: "yes",
                watch=Watch(cancelled=lambda: True),
            )
