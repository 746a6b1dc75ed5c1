"""Recognisers of the field give what their authors' code gives, and take their files by every name and shape.

tests/golden/recognisers holds that code's answers and the names and shapes of its weights, a file per row, and smaller
networks of the same classes (`…-tiny`).
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.golden.archive import HERE, Golden, apart
from tests.models.patterns import pattern
from workbench import geometry
from workbench.catalog import MODELS
from workbench.catalog.spec import File, ModelSpec
from workbench.errors import BadRequest, BadWeights
from workbench.explanation.anatomy import anatomy
from workbench.explanation.methods import find, run
from workbench.explanation.question import Question
from workbench.explanation.rollout import _attentions
from workbench.explanation.targets import number
from workbench.models.blocks.windows import eyes_and_mouth
from workbench.models.files import checkpoint
from workbench.models.recognisers import arcface_ir, kprpe, light_cnn, petalface
from workbench.models.recognisers import patch_transformer as patches
from workbench.models.recognisers.hub_recogniser import HubRecogniser
from workbench.values import Face

EXACT = 1e-5
NAMES = sorted(path.stem for path in (HERE / "recognisers").glob("*.npz"))
ROWS = [name for name in NAMES if name in MODELS]
SMALL = (
    "edgeface-xxs",
    "edgeface-xs",
    "facelivt-s",
    "facelivt2-xs",
    "lightcnn-9",
    "lightcnn-v4",
    "sphereface2-sfnet20",
)
WEIGHTS = {
    "edgeface-xs": "model.stages.2.blocks.8.xca.qkv.linear1.weight",
    "facelivt2-xs": "stages.1.blocks.1.block.0.m.repconv.weight",
    "lightcnn-v4": "block3.1.conv2.filter.bias",
}
"""One of each family's, to be put wrong."""


def _loader(row: str) -> Callable[..., HubRecogniser]:
    module, _, name = MODELS[row].load.partition(":")
    return getattr(import_module(module), name)


def _loaded(row: str, folder: Path, **changes: torch.Tensor) -> HubRecogniser:
    path = Golden(f"recognisers/{row}").file(folder, **changes)
    model = _loader(row)(MODELS[row], {"weights": path}, "cpu")
    path.unlink()
    return model


def _vectors(model: HubRecogniser) -> np.ndarray:
    return np.stack([model.raw(chip)["vector"] for chip in pattern(2, model.size)])


def _chips(side: int) -> torch.Tensor:
    return torch.from_numpy(pattern(2, side)).permute(0, 3, 1, 2).contiguous().float()


def _tiny(name: str, make: Callable[[], torch.nn.Module]) -> tuple[Golden, torch.nn.Module]:
    golden = Golden(f"recognisers/{name}-tiny")
    weights = checkpoint.stripped(golden.weights(), patches.ANCHOR, patches.PREFIXES, drop=patches.unused())
    return golden, checkpoint.install(make, weights, name)


def _official(row: str) -> dict[str, torch.Tensor]:
    """The authors' names and shapes, without numbers."""
    return {
        key: torch.empty([int(n) for n in shape.split("x") if n], dtype=getattr(torch, kind), device="meta")
        for key, kind, shape in Golden(f"recognisers/{row}").keys
    }


@pytest.mark.parametrize("row", ROWS)
def test_a_rows_loader_takes_its_authors_names_and_shapes(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _official(row)
    monkeypatch.setattr(checkpoint, "read", lambda path: found)
    monkeypatch.setattr(checkpoint, "sound", lambda weights, name: None)
    load = _loader(row)

    model = load(MODELS[row], {"weights": Path("official")}, "meta")
    assert model.features is not None
    parameters = sum(
        value.numel() for key, value in found.items() if value.is_floating_point() and "running_" not in key
    )
    assert MODELS[row].parameters <= parameters <= 1.3 * MODELS[row].parameters
    gone = next(key for key in found if key.endswith(".bias") and "fc2" not in key)
    monkeypatch.setattr(checkpoint, "read", lambda path: {key: value for key, value in found.items() if key != gone})
    with pytest.raises(BadWeights, match=f"of another shape, first '.*{gone.rpartition('.')[2]}'"):
        _loader(row)(MODELS[row], {"weights": Path("official")}, "meta")


@pytest.mark.parametrize("row", SMALL)
def test_a_small_recogniser_equals_its_authors(row: str, tmp_path: Path) -> None:
    golden = Golden(f"recognisers/{row}")
    model = _loaded(row, tmp_path)

    assert apart(_vectors(model), golden["vector"]) <= EXACT
    found = anatomy(model)
    assert (found.gradients, found.places, found.attention) == (True, "grid", ())


@pytest.mark.parametrize("row", WEIGHTS)
def test_one_weight_in_the_wrong_place_breaks_the_equality(row: str, tmp_path: Path) -> None:
    golden, key = Golden(f"recognisers/{row}"), WEIGHTS[row]
    model = _loaded(row, tmp_path, **{key: golden.weights()[key].flip(0).contiguous()})

    assert apart(_vectors(model), golden["vector"]) > 10 * EXACT


def test_transface_says_how_much_each_patch_counts() -> None:
    golden, network = _tiny("transface", lambda: patches.GatedTransformer(patches.Shape(32, 2)))
    chips = _chips(112)

    assert apart(network(chips).numpy(), golden["vector"]) <= EXACT
    gate = network.gate(chips)
    assert gate.shape == (2, 12, 12)
    assert apart(gate.flatten(1).softmax(1).numpy(), golden["gate"]) <= EXACT
    model = HubRecogniser(MODELS["transface-s"], network, lambda face: np.eye(2, 3), 112, "norm")
    question = Question(number(model, "first", lambda vectors: vectors[:, 0]), chips[:1], places="tokens")
    drawn = run(find("own_gates"), question, anatomy(model).abilities, {}).values
    assert drawn.shape == (112, 112)
    assert drawn.mean() == pytest.approx(float(gate[0].mean()), abs=1e-3)
    network.senet[2].weight.mul_(-3)
    assert not torch.allclose(network.gate(chips), gate)


def test_kprpe_is_told_where_the_points_lie() -> None:
    golden, network = _tiny("kprpe", lambda: kprpe.PointedTransformer(patches.Shape(32, 2, 4, 8, 3)))
    elsewhere = torch.from_numpy(np.stack([kprpe.TEMPLATE + 0.03, kprpe.TEMPLATE * 1.1 - 0.1]))

    assert apart(network(_chips(112)).numpy(), golden["vector"]) <= EXACT
    assert apart(network.told(_chips(112), elsewhere).numpy(), golden["told"]) <= EXACT
    assert apart(network.told(_chips(112), elsewhere).numpy(), golden["vector"]) > 100 * EXACT


def test_petalface_shifts_windows_without_keeping_what_meets_apart(tmp_path: Path) -> None:
    golden = Golden("recognisers/petalface-tiny")
    spec, shape = MODELS["petalface-swin-webface4m"], petalface.Shape(16, (2, 2, 2), (2, 4, 4))
    model = petalface.load(spec, {"weights": golden.file(tmp_path)}, "cpu", shape)

    assert apart(_vectors(model), golden["vector"]) <= EXACT
    assert anatomy(model).places == "tokens"
    for module in model.network.modules():
        if getattr(module, "shift", 0):
            module.cut = True
    assert apart(_vectors(model), golden["vector"]) > 100 * EXACT


def test_hsfaces_shortcuts_are_weighted_if_the_file_holds_such_weights() -> None:
    shapes = {row: {key for key, _, _ in Golden(f"recognisers/{row}").keys} for row in ("hsface-10k", "hsface-plain")}
    more = shapes["hsface-10k"] - shapes["hsface-plain"]

    assert not shapes["hsface-plain"] - shapes["hsface-10k"]
    assert more == {f"layer{stage}.0.attn.fc{step}.weight" for stage in range(1, 5) for step in (1, 2)}


def _hyperface(tmp_path: Path, bgr: bool) -> HubRecogniser:
    """As HyperFace's authors publish it: the network under `model.`, other things beside it."""
    weights = {
        f"model.{key.removeprefix('model.net.')}": value for key, value in Golden("adaface-ir18").weights().items()
    }
    rest = {"head.kernel": torch.zeros(512, 10), "criterion.weight": torch.zeros(4)}
    path = tmp_path / "hyperface.ckpt"
    torch.save({"state_dict": weights | rest, "epoch": 25, "hyper_parameters": {"name": "a text"}}, path)
    spec = ModelSpec("hyperface-ir18-toy", "recognition", "toy", "", (File("local:x"),))
    return arcface_ir.load_hyperface(spec, {"weights": path}, "cpu", bgr)


def test_hyperface_sees_blue_first_unless_it_is_told_otherwise(tmp_path: Path) -> None:
    golden = Golden("adaface-ir18")["vector"]
    chips = pattern(2, 112)

    def vectors(model: HubRecogniser, seen: np.ndarray) -> np.ndarray:
        return np.stack([model.raw(chip)["vector"] for chip in seen])

    turned = chips[..., ::-1].copy()
    told = _hyperface(tmp_path, bgr=True)
    assert apart(vectors(told, turned), golden) <= EXACT
    assert apart(vectors(told, chips), golden) > 100 * EXACT
    told.network.bgr = False
    assert apart(vectors(told, chips), golden) <= EXACT


def test_lightcnn_sees_the_grey_that_pillow_makes() -> None:
    photo = pattern(1, 128)[0]
    ours = light_cnn._grey(torch.from_numpy(photo).permute(2, 0, 1)[None].float())[0, 0] * 255

    assert np.abs(ours.numpy() - np.asarray(Image.fromarray(photo).convert("L"), float)).max() <= 1.01


def test_lightcnn_wants_eyes_in_row_forty_and_the_mouth_forty_eight_below() -> None:
    turn = np.array([[0.94, -0.34], [0.34, 0.94]])
    points = np.array([(-20, 0), (20, 0), (4, 22), (-15, 43), (15, 43)]) @ turn.T + 200
    face = Face(np.array([150, 150, 250, 250], np.float32), points.astype(np.float32), 1.0)
    chip = geometry.apply(eyes_and_mouth(128, 40, 48)(face), face.points)

    assert chip[:2].mean(0) == pytest.approx([63.5, 40], abs=1e-3)
    assert chip[0, 1] == pytest.approx(chip[1, 1], abs=1e-3)
    assert chip[3:].mean(0)[1] == pytest.approx(88, abs=1e-3)
    upside_down = Face(face.box, face.points[[1, 0, 2, 4, 3]], 1.0)
    with pytest.raises(BadRequest, match="not below the eyes"):
        eyes_and_mouth(128, 40, 48)(upside_down)


@pytest.mark.parametrize("name", ["transface", "kprpe"])
def test_attention_of_fused_maps_is_found_with_its_bias_and_equals_what_the_block_does(name: str) -> None:
    _, network = _tiny(
        name,
        (lambda: patches.GatedTransformer(patches.Shape(32, 2)))
        if name == "transface"
        else (lambda: kprpe.PointedTransformer(patches.Shape(32, 2, 4, 8, 3))),
    )
    model = HubRecogniser(MODELS["lvface-t"], network, lambda face: np.eye(2, 3), 112, "norm")
    blocks = anatomy(model).attention
    assert anatomy(model).places == "tokens"
    assert len(blocks) == 2
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    handle = network.blocks[1].attn.register_forward_hook(lambda m, i, o: seen.append((i[0], o)))
    chip = _chips(112)[:1]
    found = _attentions(
        Question(number(model, "first", lambda vectors: vectors[:, 0]), chip, places="tokens"), list(blocks)
    )[1]
    handle.remove()

    given, answer = seen[-1]
    layer = network.blocks[1].attn
    values = layer.qkv(given)[0].chunk(3, -1)[2].reshape(-1, layer.num_heads, 32 // layer.num_heads).transpose(0, 1)
    mixed = layer.proj((found @ values).transpose(0, 1).flatten(1))
    assert torch.allclose(mixed, answer[0], atol=1e-5)
