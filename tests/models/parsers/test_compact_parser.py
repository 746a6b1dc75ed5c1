"""The compact parser: with and without a mesh, whole pictures and windows, exact fusing, files that are not its own."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from workbench import WEIGHTS
from workbench import mesh as mesh_regions
from workbench.catalog import find
from workbench.errors import BadWeights
from workbench.geometry import apply, celeba_quad, invert
from workbench.images import warp
from workbench.models.parsers import compact_parser
from workbench.models.parsers.compact_network import Network, fused, prepare
from workbench.models.parsers.compact_torch import PRIOR
from workbench.parts import INDEX, PARTS
from workbench.tasks.detection import find_faces
from workbench.tasks.parsing import parse


@pytest.fixture(scope="module")
def parser(bench):
    return bench.model("compact")


@pytest.fixture(scope="module")
def aligned_photo(astronaut, astronaut_face) -> np.ndarray:
    return warp(astronaut, celeba_quad(astronaut_face.points, 512), (512, 512))


def test_it_is_as_small_as_it_says(parser):
    assert sum(parameter.numel() for parameter in parser.network.parameters()) <= 2_000_000
    assert (WEIGHTS / "compact_parser.safetensors").stat().st_size <= 10_000_000


def test_probabilities_sum_to_one_everywhere(astronaut, astronaut_face, parser):
    found = parser(astronaut, astronaut_face)
    assert found.scores.sum(axis=0) == pytest.approx(1, abs=1e-4)
    assert found.scores.min() >= 0


def test_a_face_without_a_mesh_is_parsed_nearly_as_one_with_a_mesh(astronaut, astronaut_face, parser):
    plain = replace(astronaut_face, mesh=None, pose=None)
    with_mesh, without = (parse(astronaut, parser, [face]) for face in (astronaut_face, plain))
    for part in ("skin", "hair", "nose", "image_left_eye", "image_right_eye"):
        one, other = with_mesh.mask(part), without.mask(part)
        assert 2 * (one & other).sum() / (one.sum() + other.sum()) > 0.75, part
    assert (with_mesh.labels != without.labels).any(), "the mesh maps reach the network"


def test_an_aligned_picture_is_taken_whole(aligned_photo, finder, parser):
    face = find_faces(aligned_photo, finder)[0]
    found = parser(aligned_photo, face)
    corners = apply(found.matrix.astype(np.float64), np.array([[-0.5, -0.5], [511.5, 511.5]]))
    assert corners == pytest.approx(np.array([[-0.5, -0.5], [found.scores.shape[1] - 0.5] * 2]), abs=1e-4)


def test_a_photo_that_shows_more_is_looked_at_with_a_margin(astronaut, astronaut_face, parser):
    found = parser(astronaut, astronaut_face)
    half = found.scores.shape[1] - 0.5
    reached = apply(invert(found.matrix.astype(np.float64)), np.array([[-0.5, -0.5], [half, half]]))
    quad = apply(invert(celeba_quad(astronaut_face.points, 512)), np.array([[-0.5, -0.5], [511.5, 511.5]]))
    assert np.linalg.norm(reached[1] - reached[0]) == pytest.approx(1.25 * np.linalg.norm(quad[1] - quad[0]), rel=0.05)


def test_the_grid_lies_over_the_photo_without_a_shift(astronaut, astronaut_face, parser):
    """Where the network says nose, the photo's nose is: the centre of the scores falls on the mesh's nose to two
    pixels."""
    found = parser(astronaut, astronaut_face)
    grid = mesh_regions.polygon(
        apply(found.matrix.astype(np.float64), astronaut_face.mesh[:, :2].astype(np.float64)),
        mesh_regions.REGIONS["lower_lip"],
        found.scores.shape[1:],
    )
    lip = found.scores[INDEX["lower_lip"]]
    y, x = np.mgrid[: lip.shape[0], : lip.shape[1]]
    mine = np.array([(x * lip).sum(), (y * lip).sum()]) / lip.sum()
    drawn = np.array([(x * grid).sum(), (y * grid).sum()]) / grid.sum()
    assert np.abs(mine - drawn).max() < 2.5


def test_fusing_the_normalisation_changes_nothing(parser):
    x = prepare(torch.randint(0, 256, (1, 64, 64, 16), dtype=torch.uint8), torch.float32)
    with torch.no_grad():
        plain, quick = parser.network(x), fused(parser.network)(x)
    assert torch.allclose(plain, quick, atol=2e-3 * float(plain.abs().max()))


def test_half_precision_decides_as_full_precision_does(astronaut, astronaut_face, parser):
    matrix, side = parser.window(astronaut_face, astronaut.shape)
    crop = parser.input(astronaut, astronaut_face.mesh, matrix, (side, side))[None]
    with torch.no_grad():
        full = parser.network(prepare(torch.from_numpy(crop), torch.float32)).argmax(1)
    assert (parser._logits(crop).argmax(1) == full).float().mean() > 0.99


def test_raw_gives_logits_of_the_whole_picture(astronaut, parser):
    logits = parser.raw(astronaut)["logits"]
    assert logits.shape == (len(PARTS), parser.side // 2, parser.side // 2)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()


def test_gradients_reach_the_photo(aligned_photo, finder, parser):
    face = find_faces(aligned_photo, finder)[0]
    chips = torch.from_numpy(parser.crop(aligned_photo, face)).permute(2, 0, 1)[None].float().requires_grad_()
    torch.autograd.backward(parser.values(chips)[:, INDEX["hair"]].mean())
    assert chips.grad.isfinite().all()
    assert chips.grad.abs().max() > 0


def test_prepare_centres_colours_and_leaves_absent_maps_at_zero():
    crop = torch.zeros(1, 1, 1, 16, dtype=torch.uint8)
    crop[..., :3] = 118
    assert not prepare(crop, torch.float32).any()


def test_noise_and_a_black_photo_break_nothing(astronaut_face, parser):
    for image in (
        np.zeros((512, 512, 3), np.uint8),
        np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8),
    ):
        assert np.isfinite(parser(image, astronaut_face).scores).all()


@pytest.mark.parametrize("fault", ["no prior", "no side", "another network", "not a file of weights"])
def test_a_file_that_is_not_its_own_is_refused_with_a_sentence(tmp_path, fault):
    path, matte = tmp_path / "weights.safetensors", WEIGHTS / "selfie_segmentation.tflite"
    tensors = load_file(WEIGHTS / "compact_parser.safetensors")
    about = {"side": "320"}
    if fault == "no prior":
        del tensors[PRIOR]
    if fault == "no side":
        about = {}
    if fault == "another network":
        tensors = {PRIOR: tensors[PRIOR], "conv1.weight": torch.zeros(3, 3, 3, 3)}
    save_file(tensors, path, about)
    if fault == "not a file of weights":
        path.write_bytes(b"<html>not found</html>")
    with pytest.raises(BadWeights):
        compact_parser.load(find("compact"), {"weights": path, "matte": matte}, "cpu")


def test_the_networks_shape_is_the_files():
    shapes = {name: value.shape for name, value in Network().state_dict().items() if value.is_floating_point()}
    stored = {
        name: value.shape for name, value in load_file(WEIGHTS / "compact_parser.safetensors").items() if name != PRIOR
    }
    assert stored == shapes


def test_a_wide_photo_and_a_tall_one_have_the_same_parts(astronaut, astronaut_face, parser):
    wide = cv2.copyMakeBorder(astronaut, 0, 0, 0, 300, cv2.BORDER_REPLICATE)
    one, other = (parse(image, parser, [astronaut_face]).labels for image in (astronaut, wide))
    assert (one[:, :400] == other[:, :400]).mean() > 0.99


def test_a_small_piece_apart_from_the_person_is_background_and_a_large_one_stays():
    scores = np.zeros((len(PARTS), 40, 40), np.float32)
    scores[0] = 1
    for part, rows, columns in (
        ("hair", slice(10, 30), slice(10, 30)),
        ("skin", slice(0, 3), slice(0, 3)),
        ("cloth", slice(32, 40), slice(0, 40)),
    ):
        scores[:, rows, columns] = 0
        scores[INDEX[part], rows, columns] = 1
    cleaned = compact_parser.without_crumbs(scores).argmax(axis=0)
    assert (cleaned[10:30, 10:30] == INDEX["hair"]).all()
    assert (cleaned[32:] == INDEX["cloth"]).all()
    assert not cleaned[:3, :3].any()
