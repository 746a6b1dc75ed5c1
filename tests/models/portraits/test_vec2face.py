"""Vec2Face draws what its authors' code draws for the same vectors and the same dropped tokens.

tests/golden/vec2face.npz holds their network's pictures, in few channels, with weights filled from their names.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden.digest import Pictures
from tests.golden.inputs import tensor
from workbench.catalog import MODELS
from workbench.errors import BadRequest, BadWeights, Cancelled
from workbench.models.portraits import vec2face
from workbench.models.recognisers import insight_recogniser
from workbench.portraits import Recipe
from workbench.watch import Watch

EXACT = 1e-5

GOLDEN = Pictures("vec2face")
WEIGHTS = GOLDEN.weights() | {"token_emb.position_ids": torch.arange(50)[None]}
VECTORS = tensor(5, (3, 512))


def _masks(case: str) -> list[np.ndarray]:
    return [GOLDEN[f"{case}|{name}|slice"].reshape(3, 49) > 0.5 for name in ("dropped", "replaced")]


def _model(folder: Path, **changes: torch.Tensor) -> vec2face.Vec2Face:
    """From a file as the authors publish it."""
    torch.save({"model_vec2face": WEIGHTS | changes}, folder / "vec2face_generator.pth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vec2face.HEADS, 96, 12)  # the golden's own width
        return vec2face.load(MODELS["vec2face"], {"weights": folder / "vec2face_generator.pth"}, "cpu")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> vec2face.Vec2Face:
    return _model(tmp_path_factory.mktemp("vec2face"))


@pytest.mark.parametrize("case", ["picture", "batch"])
def test_a_face_equals_the_authors(model: vec2face.Vec2Face, case: str) -> None:
    found = model.raw(VECTORS, *_masks(case))

    assert GOLDEN.difference(case, "pixels", found["pixels"]) <= EXACT


@pytest.mark.parametrize(
    "key",
    ["blocks.1.attn.qkv.weight", "decoder_blocks.0.mlp.fc2.weight", "im_decoder.up.3.block.0.nin_shortcut.weight"],
)
def test_one_weight_in_the_wrong_place_breaks_the_equality(key: str, tmp_path: Path) -> None:
    broken = _model(tmp_path, **{key: WEIGHTS[key].flip(0)}).raw(VECTORS, *_masks("picture"))

    assert GOLDEN.difference("picture", "pixels", broken["pixels"]) > 100 * EXACT


def test_the_published_size_has_as_many_names_and_numbers_as_the_authors_network() -> None:
    shape = vec2face.Shape(512, 768, 12, 768, 8, 256, (128, 128, 256, 256, 512), 16, 12)
    with torch.device("meta"):
        network = vec2face.Vec2FaceNetwork(shape)

    assert len(network.state_dict()) == 349
    assert sum(weight.numel() for weight in network.parameters()) == MODELS["vec2face"].parameters
    assert vec2face.shape_of(network.state_dict(), "") == shape


@pytest.mark.parametrize(("width", "depth", "heads"), [(768, 12, 12), (1024, 24, 16), (1280, 32, 16)])
def test_base_large_and_huge_have_their_own_heads(width: int, depth: int, heads: int) -> None:
    with torch.device("meta"):
        network = vec2face.Vec2FaceNetwork(
            vec2face.Shape(512, width, depth, width, 8, 256, (128, 128, 256, 256, 512), 16, heads)
        )

    found = vec2face.shape_of(network.state_dict(), "")
    assert (found.width, found.depth, found.heads) == (width, depth, heads)
    assert found.width % found.heads == 0


def test_a_width_that_is_none_of_the_authors_is_refused(tmp_path: Path) -> None:
    torch.save({"model_vec2face": WEIGHTS}, tmp_path / "narrow.pth")
    with pytest.raises(BadWeights, match="96 wide is none of its authors', which are 768, 1024, 1280 wide"):
        vec2face.load(MODELS["vec2face"], {"weights": tmp_path / "narrow.pth"}, "cpu")


def test_unused_weights_must_be_there_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {key: value for key, value in WEIGHTS.items() if not key.startswith("center_token.")}
    torch.save({"model_vec2face": kept}, tmp_path / "less.pth")
    monkeypatch.setitem(vec2face.HEADS, 96, 12)
    with pytest.raises(BadWeights, match=r"first 'center_token\.weight'"):
        vec2face.load(MODELS["vec2face"], {"weights": tmp_path / "less.pth"}, "cpu")
    torch.save({"weight": torch.zeros(3), "bias": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(BadWeights, match="no Vec2Face generator"):
        vec2face.load(MODELS["vec2face"], {"weights": tmp_path / "other.pth"}, "cpu")


def test_dropping_is_the_authors_distribution_and_a_function_of_seed_and_row() -> None:
    found = [vec2face.masks(seed, row) for seed in range(20) for row in range(10)]
    shares = np.array([replaced.sum() for _, replaced in found]) / 49

    assert all(int(dropped.sum()) == 5 for dropped, _ in found)
    assert all(bool((replaced | ~dropped).all()) for dropped, replaced in found)
    assert shares.min() > 0.1
    assert shares.mean() == pytest.approx(0.324, abs=0.05)
    assert torch.equal(vec2face.masks(3, 1)[1], vec2face.masks(3, 1)[1])
    assert not torch.equal(vec2face.masks(3, 1)[1], vec2face.masks(3, 2)[1])


def test_pictures_come_one_per_vector_whatever_its_length(model: vec2face.Vec2Face) -> None:
    seen: list[int] = []
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    pictures = model(unit, Recipe(seed=4), preview=lambda shown: seen.append(len(shown)))
    longer = model(unit * np.float32(insight_recogniser.LENGTH), Recipe(seed=4))

    assert [picture.shape for picture in pictures] == [(112, 112, 3)] * 3
    assert seen == [3, 3, 3]
    assert np.abs(np.stack(pictures).astype(int) - np.stack(longer)).max() <= 1
    assert np.array_equal(model(unit[:1], Recipe(seed=4))[0], pictures[0])
    assert not np.array_equal(model(unit[[0, 0]], Recipe(seed=4))[1], pictures[0])


def test_what_cannot_be_drawn_is_said(model: vec2face.Vec2Face) -> None:
    with pytest.raises(BadRequest, match="expected n × 512 finite numbers"):
        model(np.zeros((1, 128), np.float32), Recipe())
    with pytest.raises(BadRequest, match="expected one step"):
        model(VECTORS, Recipe(steps=20))
    with pytest.raises(Cancelled):
        model(VECTORS, Recipe(), Watch(cancelled=lambda: True))
