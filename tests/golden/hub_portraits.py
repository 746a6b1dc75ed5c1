"""How far each portrait model lies from its golden: the same questions as the tests ask, with the figures kept instead
of judged."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.golden.archive import Golden, apart, stacked
from tests.golden.inputs import tensor
from tests.models.patterns import pattern
from tests.models.portraits import test_arc2face as arc2face
from tests.models.portraits import test_consistent_id as consistent_id
from tests.models.portraits import test_faceid as faceid
from tests.models.portraits import test_instant_id as instant_id
from tests.models.portraits import test_photo_maker as photo_maker
from tests.models.portraits import test_vec2face as vec2face
from workbench.catalog import MODELS
from workbench.models.recognisers import insight_recogniser
from workbench.portraits import Recipe

SIDES = (8, 16)
Figures = dict[str, float]


def differences() -> Iterator[tuple[tuple[str, ...], Figures]]:
    """Ids of rows, and the relative difference of every answer that vouches for them."""
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        home = Path(folder)
        yield ("arcface-r100-vec2face",), _recogniser(home)
        yield ("arc2face", "arc2face-lcm"), _arc2face(home)
        for id in faceid.KINDS:
            yield (id,), _faceid(id, home / id)
        yield ("consistentid",), _consistent_id(home / "consistentid")
        yield ("vec2face",), _vec2face(home)
        yield ("instantid",), _instant_id(home / "instantid")
        for version in photo_maker.ENCODERS:
            yield (f"photomaker-{version}",), _photo_maker(version, home / version)


def _recogniser(home: Path) -> Figures:
    golden, path = Golden("vec2face-recogniser"), home / "arcface.pth"
    torch.save(golden.weights(), path)
    model = insight_recogniser.load_torch(MODELS["arcface-r100-vec2face"], {"weights": path}, "cpu")
    path.unlink()
    return {"vector": apart(stacked(model, pattern(2, 112), "vector"), golden["vector"])}


def _arc2face(home: Path) -> Figures:
    model, golden = arc2face._model(home / "arc2face"), arc2face.GOLDEN
    found: Figures = {}
    for side in SIDES:
        answer = model.raw(arc2face.VECTORS, tensor(side, (3, 4, side, side)), 421)
        found |= {f"tokens {side}": golden.difference("text", "tokens", answer["tokens"])}
        found |= {f"noise {side}": golden.difference(f"noise{side}", "noise", answer["noise"])}
    fast = arc2face._model(home / "lcm", fast=True).raw(arc2face.VECTORS, tensor(8, (3, 4, 8, 8)), 421)
    return found | {"noise 8, LCM": golden.difference("lcm", "noise", fast["noise"])}


def _faceid(id: str, home: Path) -> Figures:
    _, golden, tag = faceid.KINDS[id]
    model = faceid._model(id, home)
    found: Figures = {}
    for side in SIDES:
        answer = model.raw(faceid.VECTORS, tensor(side, (3, 4, side, side)), 421, faceid.WORDS)
        found |= {f"face {side}": golden.difference(f"face{tag}", "face", answer["face"])}
        found |= {f"noise {side}": golden.difference(f"noise{side}{tag}", "noise", answer["noise"])}
    return found


def _consistent_id(home: Path) -> Figures:
    with pytest.MonkeyPatch.context() as patch:
        model = consistent_id._model(home, patch).shown(consistent_id.PHOTO, consistent_id.FACE)
    fused = model.condition(torch.from_numpy(consistent_id.VECTORS), Recipe(prompt=consistent_id.PROMPT), guided=False)[
        "_fused"
    ].numpy()
    found = {"words": consistent_id.GOLDEN.difference("tokens", "fused", fused)}
    for side in SIDES:
        answer = model.raw(consistent_id.VECTORS, tensor(side, (1, 4, side, side)), 421, fused)
        found |= {f"noise {side}": consistent_id.GOLDEN.difference(f"noise{side}", "noise", answer["noise"])}
    return found


def _vec2face(home: Path) -> Figures:
    model = vec2face._model(home)
    return {
        case: vec2face.GOLDEN.difference(case, "pixels", model.raw(vec2face.VECTORS, *vec2face._masks(case))["pixels"])
        for case in ("picture", "batch")
    }


def _instant_id(home: Path) -> Figures:
    model = instant_id._model(home)
    found: Figures = {}
    for side in SIDES:
        answer = model.raw(
            instant_id.VECTORS, tensor(side, (2, 4, side, side)), 421, instant_id.WORDS, instant_id.POOLED
        )
        found |= {f"face {side}": instant_id.GOLDEN.difference("face", "face", answer["face"])}
        found |= {f"noise {side}": instant_id.GOLDEN.difference(f"noise{side}", "noise", answer["noise"])}
    return found


def _photo_maker(version: str, home: Path) -> Figures:
    model, golden = photo_maker._model(version, home), photo_maker.ENCODERS[version]
    case = golden.cases["encoder"]
    marked = np.isin(np.arange(77), range(case["first"], case["first"] + case["tokens"]))
    answer = model.raw(photo_maker.VECTORS, tensor(41, (2, 3, 224, 224)), tensor(43, (2, 77, 256)), marked)
    found = {name: golden.difference("encoder", name, answer[name]) for name in ("tokens", "fused")}
    _, said, _ = model.marked(photo_maker.XL.cases["words2"]["prompt"], 2)
    return found | {"words": photo_maker.XL.difference("words2", "words", model.words(said)[0].numpy())}
