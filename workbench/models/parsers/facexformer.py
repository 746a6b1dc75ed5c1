"""FaceXFormer: one forward pass gives parsing, 68 landmarks, head pose, 40 attributes, age, gender, race and
visibility.

Narayan et al., FaceXFormer: A Unified Transformer for Facial Analysis, ICCV 2025, arXiv 2403.12960
(Kartik-3004/facexformer, MIT). SegFace's Swin backbone and decoder with other tokens. The eleven classes are LaPa's:
the repository's palette is LaPa's colour map, colour for colour. The names of the age and race bins are published
nowhere, so they stay numbers.
"""

import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from workbench.catalog.celeba import CELEBA_40
from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.models.blocks.chips import ChipModel
from workbench.models.blocks.face_decoder import FaceDecoder, FaceNetwork
from workbench.models.blocks.pixels import BICUBIC, IMAGENET, batch, resized
from workbench.models.files.checkpoint import install, read
from workbench.models.parsers.hub_parser import LAPA_ORDER, HubParser
from workbench.models.parsers.segface import BACKBONES
from workbench.signs import Signs
from workbench.values import Face, Pose, Scores, check_image

SIDE = 224
MARGIN = 0.25
"""Share of the box's width and height that is added on each side."""

HEADS = {"landmarks": 136, "pose": 3, "attribute": 40, "visibility": 29, "age": 8, "gender": 2, "race": 5}
"""Tasks in the order of their tokens, and how many numbers each gives."""

TOKENS = (*((f"{task}_token", 1) for task in HEADS), ("mask_tokens", 11))


class FaceXFormerNet(FaceNetwork):
    """Normalised pixels (N, 3, H, W) to {"logits": (N, 11, H, W), task: (N, numbers) of every task of `HEADS`}."""

    def __init__(self) -> None:
        swin = BACKBONES["swinb"]
        super().__init__(swin.build(), swin.taps, swin.channels, FaceDecoder(TOKENS, HEADS), swin.inner, swin.rows_last)


def crop_box(box: Sequence[float] | np.ndarray, shape: Sequence[int]) -> tuple[int, int, int, int]:
    """The box (left, top, right, bottom) enlarged by a quarter on each side, cut off at the photo's edges, in whole
    pixels.

    Raises BadRequest when nothing of it lies on the photo.
    """
    left, top, right, bottom = (float(value) for value in box)
    across, down = (right - left) * MARGIN, (bottom - top) * MARGIN
    grown = (
        int(max(0.0, left - across)),
        int(max(0.0, top - down)),
        int(min(shape[1], right + across)),
        int(min(shape[0], bottom + down)),
    )
    if grown[2] <= grown[0] or grown[3] <= grown[1]:
        raise BadRequest(
            f"box: expected left, top, right and bottom on the photo, got "
            f"{[round(value) for value in (left, top, right, bottom)]}."
        )
    return grown


def box_window(face: Face, shape: Sequence[int], size: int = SIDE) -> np.ndarray:
    """The (2, 3) matrix from the photo to what `crop_box` cuts out, stretched to a square."""
    left, top, right, bottom = crop_box(face.box, shape)
    across, down = size / (right - left), size / (bottom - top)
    return np.array([[across, 0, (0.5 - left) * across - 0.5], [0, down, (0.5 - top) * down - 0.5]])


def cut(image: np.ndarray, box: Sequence[float] | np.ndarray) -> np.ndarray:
    """The chip (224, 224, 3) of a face box as the authors cut it: enlarged, whole pixels, Pillow's bicubic filter."""
    return resized(image, SIDE, SIDE, BICUBIC, crop_box(box, check_image(image).shape))


def everything(
    network: FaceXFormerNet, image: np.ndarray, box: Sequence[float] | np.ndarray | None, device: torch.device
) -> dict[str, np.ndarray]:
    """What `raw` of both models answers."""
    chip = resized(image, SIDE, SIDE, BICUBIC) if box is None else cut(image, box)
    with torch.inference_mode():
        found = network(IMAGENET(batch(chip, device)))
    answers = {name: value[0].cpu().numpy() for name, value in found.items()}
    return {**answers, "landmarks": answers["landmarks"].reshape(68, 2)}


COFW = 29
"""Points whose visibility is told, by number in COFW's order (Burgos-Artizzu et al., ICCV 2013)."""


def signs(model: str, found: Mapping[str, np.ndarray], box: tuple[int, int, int, int]) -> Signs:
    """What `everything` said of a face whose chip was cut out of `box`, in the photo's pixels and our signs.

    The 68 points are those of 300-W; the pose counts as in 300W-LP, which it was trained on (Zhu et al., arXiv
    1511.07212): there a positive yaw turns to the image's left. Its authors' demonstration draws it to the right
    (inference.py of Kartik-3004/facexformer, lines 59 to 91): without their weights the two cannot be reconciled here.
    """
    left, top, right, bottom = box
    share = (found["landmarks"].astype(np.float64) + 1) / 2
    points = share * (right - left, bottom - top) + (left - 0.5, top - 0.5)
    pitch, yaw, roll = np.degrees(found["pose"].astype(np.float64))
    seen = 1 / (1 + np.exp(-found["visibility"].astype(np.float64)))
    return Signs(
        model,
        points=points.astype(np.float32),
        pose=Pose(-float(yaw), float(pitch), float(roll)),
        visibility={f"COFW point {number}": float(value) for number, value in enumerate(seen, start=1)},
    )


class FaceXFormer(HubParser):
    """The parser: LaPa's classes on the box of a face."""

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, 224, 224) in 0..255 to (N, 19, 224, 224) canonical logits, with gradients to the chips."""
        return self.canonical(self.network(self.normal(chips))["logits"])

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The chip of a face as the authors cut it: (224, 224, 3) uint8."""
        return cut(image, face.box)

    def signs(self, image: np.ndarray, face: Face) -> Signs:
        """The 68 points, head pose and visibility of one face."""
        return signs(self.spec.id, self.raw(image, face.box), crop_box(face.box, image.shape))

    def raw(self, image: np.ndarray, box: Sequence[float] | np.ndarray | None = None) -> dict[str, np.ndarray]:
        """All answers about one face, box: left, top, right, bottom in photo pixels; without one, the photo is the
        crop.

        {"logits": (11, 224, 224), "landmarks": (68, 2) in −1..1 of the crop: pixel = ((p + 1) · 224 − 1) / 2, "pose":
        (3,) pitch, yaw and roll in radians, "attribute": (40,) logits in CelebA's order, "visibility": (29,) logits in
        COFW's order, "age": (8,), "gender": (2,), "race": (5,) logits}, all float32.
        """
        return everything(self.network, image, box, self.device)  # type: ignore[arg-type]


class FaceXFormerAttributes(ChipModel):
    """The forty attributes of CelebA, each a probability of its own."""

    exclusive = False

    def __init__(self, spec: ModelSpec, network: FaceXFormerNet, device: str) -> None:
        super().__init__(spec, network, lambda face: np.eye(2, 3), SIDE, "backbone")
        self.labels = CELEBA_40
        self.device = torch.device(device)

    def window(self, face: Face, shape: Sequence[int] = ()) -> tuple[np.ndarray, int]:
        """The (2, 3) matrix from photo points to chip points, and 224. shape: of the photo, where the box is cut
        off."""
        whole = shape or (int(face.box[3] * 2), int(face.box[2] * 2))
        return box_window(face, whole), SIDE

    def crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """The chip of a face as the authors cut it: (224, 224, 3) uint8."""
        return cut(image, face.box)

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, 224, 224) in 0..255 to (N, 40) logits, with gradients to the chips."""
        return self.network(IMAGENET(chips))["attribute"]

    def values(self, chips: Tensor) -> Tensor:
        """(N, 40) probabilities."""
        return self.forward(chips).sigmoid()

    def scores(self, image: np.ndarray, face: Face) -> Scores:
        """The probability of every attribute of one face."""
        return Scores(self.labels, self.batch(self.crop(image, face)[None])[0], self.spec.id, exclusive=False)

    def signs(self, image: np.ndarray, face: Face) -> Signs:
        """The 68 points, head pose and visibility of one face."""
        return signs(self.spec.id, self.raw(image, face.box), crop_box(face.box, image.shape))

    def raw(self, image: np.ndarray, box: Sequence[float] | np.ndarray | None = None) -> dict[str, np.ndarray]:
        """All answers about one face, as the parser's `raw` gives them."""
        return everything(self.network, image, box, self.device)  # type: ignore[arg-type]


_shared: "weakref.WeakValueDictionary[tuple[str, int, str], FaceXFormerNet]" = weakref.WeakValueDictionary()
"""The network of a file while somebody holds it: the parser and the attribute model keep one copy of the weights."""


def _network(spec: ModelSpec, path: Path, device: str) -> FaceXFormerNet:
    key = str(path), path.stat().st_mtime_ns, device
    network = _shared.get(key)
    if network is None:
        network = install(FaceXFormerNet, read(path), spec.title, device)  # type: ignore[assignment]
        _shared[key] = network  # type: ignore[assignment]
    return network  # type: ignore[return-value]


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> FaceXFormer:
    """The parser, from the authors' training checkpoint or safetensors. Raises BadWeights, naming what the file looks
    like."""
    return FaceXFormer(spec, _network(spec, files["weights"], device), SIDE, IMAGENET, LAPA_ORDER, device, box_window)


def load_attributes(spec: ModelSpec, files: Mapping[str, Path], device: str) -> FaceXFormerAttributes:
    """The attribute model of the same file, sharing its weights with the parser. Raises BadWeights."""
    return FaceXFormerAttributes(spec, _network(spec, files["weights"], device), device)
