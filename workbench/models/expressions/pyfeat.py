"""py-feat's multitask network: action units, expression, valence and arousal, gaze, head pose, 478-point mesh and 52
blendshapes.

Source: cosanlab/py-feat, `face_multitask_v2` (v2.5): a ConvNeXt V2 Tiny, an action-unit graph after Luo et al.,
"ME-GraphAU", IJCAI 2022, arXiv 2205.01782, and small heads. The weights are for research, not for commercial use.
Older releases with other heads (v2 to v2.2) are not read.
"""

import json
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.geometry import apply, invert
from workbench.models.blocks.chips import ExpressionModel
from workbench.models.blocks.convnext_v2 import ConvNextV2
from workbench.models.blocks.windows import mtcnn_box
from workbench.models.files import checkpoint
from workbench.models.files.whole import whole
from workbench.signs import Signs
from workbench.values import Face, Pose, check_image

SIZE, CHIP, GROW = 224, 256, 1.2
MESH, SHAPES, UNITS_WIDTH, PLACES_WIDTH = 478, 52, 512, 256
ORDER = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger")
UNITS = tuple(f"AU{n:02d}" for n in (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43))
# fmt: off
BLENDSHAPES = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
)
# fmt: on
"""MediaPipe's order of its 52 blendshapes; left and right are the person's."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _mlp(*widths: int) -> nn.Sequential:
    """Linear layers with GELU between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.GELU()]
    return nn.Sequential(*layers[:-1])


class UnitMaps(nn.Module):
    """One map of features per action unit."""

    def __init__(self) -> None:
        super().__init__()
        head = partial(nn.Conv2d, UNITS_WIDTH, UNITS_WIDTH, 1, bias=False)
        self.heads = nn.ModuleList(nn.Sequential(head(), nn.BatchNorm2d(UNITS_WIDTH), nn.ReLU()) for _ in UNITS)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 512, h, w) to (N, 20, 512)."""
        return torch.stack([head(x).mean((2, 3)) for head in self.heads], 1)


class UnitGraph(nn.Module):
    """Every action unit takes from the `neighbours` most similar ones in this face."""

    def __init__(self, neighbours: int) -> None:
        super().__init__()
        self.W = nn.Linear(UNITS_WIDTH, UNITS_WIDTH, bias=False)
        self.W_self = nn.Linear(UNITS_WIDTH, UNITS_WIDTH, bias=False)
        self._neighbours = neighbours

    def forward(self, units: Tensor) -> Tensor:
        """(N, 20, 512) to the same."""
        unit = functional.normalize(units, dim=-1)
        nearest = (unit @ unit.transpose(1, 2)).topk(self._neighbours + 1, dim=-1).indices
        edges = torch.zeros(*units.shape[:2], units.shape[1], dtype=units.dtype, device=units.device).scatter(
            2, nearest, 1.0
        )
        edges = edges * (1 - torch.eye(units.shape[1], dtype=units.dtype, device=units.device))
        edges = edges / edges.sum(-1, keepdim=True).clamp_min(1)
        return functional.relu(self.W_self(units) + edges @ self.W(units))


class UnitScores(nn.Module):
    """How near every unit's features are to what they look like when it is active, 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.s = nn.Parameter(torch.zeros(len(UNITS), UNITS_WIDTH))

    def forward(self, units: Tensor) -> Tensor:
        """(N, 20, 512) to (N, 20)."""
        return functional.cosine_similarity(
            functional.relu(units), functional.relu(self.s)[None], dim=-1, eps=1e-12
        ).clamp(0, 1)


class Head(nn.Module):
    """An Mlp under the name `mlp` on the mean of a feature map."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.mlp = _mlp(*widths)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 512, h, w) to (N, outputs)."""
        return self.mlp(x.mean((2, 3)))


class Joined(nn.Module):
    """What the picture looks like beside where the points lie, both normalised. scale: what the points are divided
    by."""

    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.proj_lmk = nn.Linear(2 * MESH, PLACES_WIDTH)
        self.norm_bb = nn.LayerNorm(channels)
        self.norm_lmk = nn.LayerNorm(PLACES_WIDTH)
        self._scale = scale

    def forward(self, x: Tensor, mesh: Tensor) -> Tensor:
        """(N, C, h, w) and (N, 478, 3) to (N, C + 256)."""
        places = self.proj_lmk(mesh[:, :, :2].flatten(1) / self._scale)
        return torch.cat([self.norm_bb(x.mean((2, 3))), self.norm_lmk(places)], 1)


class Shapes(Joined):
    """Blendshapes, 0..1."""

    def __init__(self) -> None:
        super().__init__(UNITS_WIDTH, 1.0)
        self.mlp = _mlp(UNITS_WIDTH + PLACES_WIDTH, 512, SHAPES)

    def forward(self, x: Tensor, mesh: Tensor) -> Tensor:
        """(N, 512, h, w) and (N, 478, 3) to (N, 52)."""
        return self.mlp(super().forward(x, mesh)).sigmoid()


class Mood(nn.Module):
    """Expression, valence and arousal."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cls_head = nn.Linear(width, len(ORDER))
        self.va_head = nn.Linear(width, 2)


class Gaze(nn.Module):
    """Yaw and pitch, each the mean of what two layers say."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.left_yaw, self.left_pitch = nn.Linear(width, 1), nn.Linear(width, 1)
        self.right_yaw, self.right_pitch = nn.Linear(width, 1), nn.Linear(width, 1)

    def forward(self, joined: Tensor) -> Tensor:
        """(N, width) to (N, 2)."""
        yaw = (self.left_yaw(joined) + self.right_yaw(joined)) / 2
        return torch.cat([yaw, (self.left_pitch(joined) + self.right_pitch(joined)) / 2], 1)


class Multitask(nn.Module):
    """(N, 3, 224, 224) RGB in 0..255 to (N, 7) logits of `ORDER`; `everything` gives all outputs.

    units_in_mood: the expression head also reads the action units. neighbours: edges per action unit.
    """

    def __init__(self, units_in_mood: bool = True, neighbours: int = 4) -> None:
        super().__init__()
        width = 768 + PLACES_WIDTH
        self.backbone = ConvNextV2()
        self.proj = nn.Conv2d(768, UNITS_WIDTH, 1, bias=False)
        self.afg, self.fgg, self.sc = UnitMaps(), UnitGraph(neighbours), UnitScores()
        self.lmk, self.pose = Head(UNITS_WIDTH, 1024, 1024, 3 * MESH), Head(UNITS_WIDTH, 256, 256, 6)
        self.blendshape, self.unified = Shapes(), Joined(768, float(SIZE))
        self.emotion, self.gaze = Mood(width + len(UNITS) * units_in_mood), Gaze(width)
        self._units_in_mood = units_in_mood
        for name in ("mesh", "pose", "emotion", "va", "gaze", "blendshape"):
            self.register_parameter(f"log_var_{name}", nn.Parameter(torch.zeros(())))
        self.log_var_au = nn.Parameter(torch.zeros(len(UNITS)))

    def everything(self, chips: Tensor) -> dict[str, Tensor]:
        """All outputs by name, as `PyFeat.raw` lists them."""
        mean, deviation = (torch.tensor(row, device=chips.device)[:, None, None] * 255 for row in (MEAN, DEVIATION))
        features = self.backbone((chips - mean) / deviation)
        x = self.proj(features)
        units, mesh = self.sc(self.fgg(self.afg(x))), self.lmk(x).view(-1, MESH, 3)
        joined = self.unified(features, mesh)
        seen = torch.cat([joined, units], 1) if self._units_in_mood else joined
        return {
            "units": units,
            "logits": self.emotion.cls_head(seen),
            "moods": self.emotion.va_head(seen).tanh(),
            "gaze": self.gaze(joined),
            "pose": self.pose(x),
            "mesh": mesh,
            "blendshapes": self.blendshape(x, mesh),
        }

    def forward(self, chips: Tensor) -> Tensor:
        """Expression logits of a batch of chips."""
        return self.everything(chips)["logits"]


class PyFeat(ExpressionModel):
    """The expression scorer, with everything else the network says under `raw`."""

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Of one chip, (224, 224, 3) or py-feat's own (256, 256, 3) uint8 RGB, which is made smaller as py-feat does.

        `units` (20,) 0..1 in the order of `UNITS`, `logits` (7,) in that of `ORDER`, `moods` (2,) valence and arousal
        −1..1, `gaze` (2,) yaw and pitch in radians, `pose` (6,) pitch, yaw, roll in radians and a shift, `mesh`
        (478, 3) x and y 0..1 over the chip, `blendshapes` (52,) 0..1.
        """
        network = self.network
        assert isinstance(network, Multitask)
        with torch.inference_mode():
            if check_image(image).shape[:2] == (CHIP, CHIP):
                chip = torch.from_numpy(image).to(self.device).permute(2, 0, 1)[None].float()
                chips = functional.interpolate(chip, (SIZE, SIZE), mode="bilinear", antialias=True, align_corners=False)
            else:
                chips = self.tensor(image)
            return {name: value[0].cpu().numpy() for name, value in network.everything(chips).items()}

    def signs(self, image: np.ndarray, face: Face) -> Signs:
        """Action units, valence and arousal, blendshapes and the network's own 478 points of one face.

        Pose and gaze turn as ours do. The first two numbers of its pose are pitch (up) and yaw (to the subject's right,
        the image's left), and its roll counts as ours (feat/detector_v2.py of cosanlab/py-feat, lines 414 to 433: found
        by its authors on camera; their own list of names has them the other way round). Its gaze is yaw, to the
        subject's right, and pitch, up (feat/plotting.py, lines 2433 to 2446); whether against the head or the camera is
        not said, so it stands under `own`.
        """
        found = self.raw(self.crop(image, face))
        back = invert(self.window(face, image.shape)[0])
        look_yaw, look_pitch, pitch, yaw, roll = map(float, np.degrees([*found["gaze"], *found["pose"][:3]]))
        return Signs(
            self.spec.id,
            points=apply(back, found["mesh"][:, :2].astype(np.float64) * SIZE - 0.5).astype(np.float32),
            units=dict(zip(UNITS, map(float, found["units"]), strict=True)),
            blendshapes=dict(zip(BLENDSHAPES, map(float, found["blendshapes"]), strict=True)),
            valence=float(found["moods"][0]),
            arousal=float(found["moods"][1]),
            pose=Pose(-yaw, pitch, roll),
            own={"gaze yaw (degrees, to the image's right)": -look_yaw, "gaze pitch (degrees, up)": look_pitch},
        )


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> PyFeat:
    """The scorer from `face_multitask_v2.safetensors`; its settings stand in the file's head.

    Raises BadWeights for another network's file, or for a release with other heads.
    """
    weights = checkpoint.read(files["weights"])
    settings = _settings(files["weights"])
    mood = weights.get("emotion.cls_head.weight")
    with_units = mood is not None and mood.ndim == 2 and mood.shape[1] != 768 + PLACES_WIDTH
    network = checkpoint.install(partial(Multitask, with_units, settings["knn_k"]), weights, spec.title, device)
    return PyFeat(spec, network, mtcnn_box(SIZE, GROW), SIZE, "backbone", ORDER)


def _settings(path: Path) -> dict[str, Any]:
    with whole(path, "settings in its head"):
        found = dict(json.loads(checkpoint.metadata(path).get("config", "{}")))
        found["knn_k"] = int(found.get("knn_k", 4))
    asked = {
        "n_au": len(UNITS),
        "n_emotion": len(ORDER),
        "image_size": SIZE,
        "use_head_v3": True,
        "drop_mefl": True,
        "mesh_normalized": True,
    }
    other = [f"{name} = {found[name]}" for name, value in asked.items() if name in found and found[name] != value]
    if other:
        raise BadWeights(f"{path.name}: expected py-feat's multitask network v2.5, got one with {', '.join(other)}.")
    return found
