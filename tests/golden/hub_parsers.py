"""Asks our parsers what their authors' code was asked: which loader reads each golden's weights, and how each kind of
case is put."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from tests.golden.digest import Pictures
from tests.golden.inputs import photo, tensor
from workbench.catalog import MODELS
from workbench.models.blocks.pixels import CLIP
from workbench.models.blocks.polar_warp import warp_photo
from workbench.models.blocks.tanh_warp import TanhWarp
from workbench.models.parsers import bisenet, facexformer, farl, rtnet, segface, segformer

Answer = dict[str, np.ndarray]
Ask = Callable[[Any, dict], Answer]
SMALL = 224


def given(made: dict) -> torch.Tensor:
    """The tensor a case describes."""
    height, width = (made["size"],) * 2 if "size" in made else (made["height"], made["width"])
    return torch.from_numpy(tensor(made["seed"], (1, 3, height, width)))


def picture(made: dict) -> np.ndarray:
    """The photo a case describes."""
    return photo(made["seed"], made["height"], made["width"])


def _segface(model: Any, made: dict) -> Answer:
    return model.raw(picture(made)) if "height" in made else {"logits": model.network(given(made))[0].numpy()}


def _lapa(model: Any, made: dict) -> Answer:
    points = np.array([(102, 131), (178, 124), (143, 170), (116, 214), (176, 209)], np.float64)
    if "height" in made:
        return model.raw(picture(made), points)
    side = made["size"]
    warp = TanhWarp((points * (side / 290, side / 330)).astype(np.float32), side, half_pixel=False)
    return {"logits": warp.restore(model.network(warp.apply(given(made))), (side, side))[0].numpy()}


def _facexformer(model: Any, made: dict) -> Answer:
    if "box" in made:
        return model.raw(picture(made), made["box"])
    found = {name: value[0].numpy() for name, value in model.network(given(made)).items()}
    return {**found, "landmarks": found["landmarks"].reshape(68, 2)}


def _bisenet(model: Any, made: dict) -> Answer:
    if made["height"] == 330:
        return model.raw(picture(made))
    heads = model.network.all_heads(given(made))
    return {name: head[0].numpy() for name, head in zip(("logits", "logits16", "logits32"), heads, strict=True)}


def _segformer(model: Any, made: dict) -> Answer:
    return model.raw(picture(made)) if made["height"] == 330 else {"logits": model.network(given(made))[0].numpy()}


def _rtnet(model: Any, made: dict) -> Answer:
    box = made["box"]
    if "height" in made:
        frame = warp_photo(picture(made)[..., ::-1], box, 513)
        return model.raw(picture(made), box) | {"frame": frame.astype(np.float32)}
    return {"logits": model.network(given(made), ((box[2] - box[0]) / 2, (box[3] - box[1]) / 2))[0].numpy()}


def _attributes(model: Any, made: dict) -> Answer:
    if "points" in made:
        return model.raw(picture(made), np.array(made["points"], np.float32))
    return {"logits": model.network(given(made))[0].numpy()}


def _farl(model: Any, made: dict) -> Answer:
    """Whole answers take a minute on the plain square and on LaPa's bent frame; `maps` and `head` ask the two halves
    alone."""
    if "sides" in made:
        maps = [
            torch.from_numpy(tensor(made["seed"] + at, (1, 768, side, side))) for at, side in enumerate(made["sides"])
        ]
        return {"logits": model.network.head.head(maps)[0].numpy()}
    if "points" not in made:
        pixels = torch.from_numpy(picture(made)).permute(2, 0, 1)[None].float() / 255
        return {f"map{at}": found[0].numpy() for at, found in enumerate(model.network.maps(pixels))}
    model.bent = made["bent"]
    return model.raw(picture(made), np.array(made["points"], np.float32))


@dataclass(frozen=True)
class Family:
    """module: of workbench.models. id: of the row, as the loader reads it. ask: a model and a case to answers. quick:
    cases for tests."""

    module: ModuleType
    id: str
    ask: Ask
    quick: tuple[str, ...] = ()
    loader: str = "load"


_TWO = ("tensor-160", "photo")
FAMILIES = {
    "segface-mobilenet-celeba": Family(segface, f"segface-mobilenet-celeba-{SMALL}", _segface),
    "segface-efficientnet-celeba": Family(segface, f"segface-efficientnet-celeba-{SMALL}", _segface, _TWO),
    "segface-convnext-celeba": Family(segface, f"segface-convnext-celeba-{SMALL}", _segface, _TWO),
    "segface-swinv2b-celeba": Family(segface, f"segface-swinv2b-celeba-{SMALL}", _segface, _TWO),
    "segface-swinb-celeba": Family(segface, f"segface-swinb-celeba-{SMALL}", _segface, _TWO),
    "segface-swinb-helen": Family(segface, f"segface-swinb-helen-{SMALL}", _segface, ("photo",)),
    "segface-swinb-lapa": Family(segface, f"segface-swinb-lapa-{SMALL}", _lapa, _TWO),
    "facexformer": Family(facexformer, "facexformer", _facexformer, ("tensor-160", "edge")),
    "segformer-b5": Family(segformer, "face-parsing-segformer", _segformer, ("tensor-224", "tensor-160")),
    "bisenet-zll-resnet18": Family(bisenet, "bisenet-zll-resnet18", _bisenet),
    "bisenet-yakhyo-resnet18": Family(bisenet, "bisenet-yakhyo-resnet18", _bisenet, ("tensor-256", "tensor-200")),
    "bisenet-yakhyo-resnet34": Family(bisenet, "bisenet-yakhyo-resnet34", _bisenet, ("tensor-256", "tensor-200")),
    "rtnet50-11": Family(rtnet, "rtnet50-11", _rtnet),
    "rtnet50-14": Family(rtnet, "rtnet50-14", _rtnet, ("tensor-129",)),
    "rtnet101-14": Family(rtnet, "rtnet101-14", _rtnet, ("tensor-129",)),
    "farl-attributes": Family(farl, "farl-attributes", _attributes, ("tensor-601", "photo-500"), "load_attributes"),
    "farl-parsing": Family(farl, "farl-celebm", _farl, ("maps", "head")),
}
"""Every golden of a parser, those that share a backbone one after the other."""


def rows(name: str) -> list[str]:
    """Ids of the catalogue's models that a golden vouches for: every resolution of a backbone, every head of a
    network."""
    starts = ("farl-celebm", "farl-lapa") if name == "farl-parsing" else (FAMILIES[name].id.removesuffix(f"-{SMALL}"),)
    return [id for id in MODELS if id.startswith(starts)]


def filled(name: str) -> dict[str, torch.Tensor]:
    """A golden's weights. FaRL's pixel statistics are what its architecture says they are."""
    found = Pictures(name).weights()
    if name == "farl-parsing":
        found["backbone.image_mean"], found["backbone.image_std"] = (
            torch.tensor(values).reshape(1, 3, 1, 1) for values in (CLIP.mean, CLIP.deviation)
        )
    return found


def load(name: str, weights: Mapping[str, torch.Tensor], id: str = "") -> Any:
    """Our model of weights that are in no file; other tests read files."""
    family = FAMILIES[name]
    read, family.module.read = family.module.read, lambda path: dict(weights)  # type: ignore[attr-defined]
    try:
        spec = dataclasses.replace(MODELS["facexformer"], id=id or family.id)
        return getattr(family.module, family.loader)(spec, {"weights": Path(__file__)}, "cpu")
    finally:
        family.module.read = read  # type: ignore[attr-defined]


def differences(name: str, cases: tuple[str, ...] = ()) -> dict[str, float]:
    """How far our answers lie from the authors', by case and output; `cases`: only these."""
    golden, model = Pictures(name), load(name, filled(name))
    found: dict[str, float] = {}
    for case, made in golden.cases.items():
        if not cases or case in cases:
            with torch.inference_mode():
                answer = FAMILIES[name].ask(model, made | {"bent": case == "bent"})
            found |= {
                f"{case} {output}": golden.difference(case, output, answer[output]) for output in golden.outputs(case)
            }
    return found
