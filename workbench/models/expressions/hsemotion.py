"""HSEmotion (EmotiEffLib) expression networks as ONNX black boxes: their PyTorch files are pickled programs and are not
opened.

Source: Savchenko, "Facial expression and attributes recognition based on multi-task learning of lightweight neural
networks", SISY 2021, arXiv 2103.17107; sb-ai-lab/EmotiEffLib.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadRequest
from workbench.models.blocks.chips import ExpressionModel
from workbench.models.blocks.windows import mtcnn_box
from workbench.models.files.onnx_box import OnnxBox
from workbench.signs import Signs
from workbench.values import Face, check_image

EIGHT = ("anger", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
SEVEN = ("anger", "disgust", "fear", "happy", "neutral", "sad", "surprise")
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5,) * 3, (0.5,) * 3)


@dataclass(frozen=True, slots=True)
class Variant:
    """Side of the input, labels in the file's order, pixel statistics, and whether valence and arousal follow the
    labels."""

    size: int
    labels: tuple[str, ...]
    pixels: tuple[tuple[float, ...], tuple[float, ...]] = IMAGENET
    moods: bool = False


VARIANTS = {
    "enet-b0-8-vgaf": Variant(224, EIGHT),
    "enet-b0-8-afew": Variant(224, EIGHT),
    "enet-b0-8-va": Variant(224, EIGHT, moods=True),
    "enet-b2-8": Variant(260, EIGHT),
    "enet-b2-7": Variant(260, SEVEN),
    "mbf-va": Variant(112, EIGHT, HALF, moods=True),
    "mobilevit-va": Variant(224, EIGHT, moods=True),
}
"""By the end of the row's id, after "hsemotion-"."""


class HsEmotion(ExpressionModel):
    """A black box: no gradients, so explanations that only ask and mask are offered."""

    def raw(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Of one chip (S, S, 3) uint8: `logits` (7 or 8,) in the file's order; with valence and arousal, `moods`
        (2,)."""
        with torch.inference_mode():
            found = self.network(self.tensor(check_image(image)))[0].numpy()
        return {"logits": found[: len(self.labels)]} | (
            {"moods": found[len(self.labels) :]} if len(found) > len(self.labels) else {}
        )

    def signs(self, image: np.ndarray, face: Face) -> Signs:
        """Valence and arousal, of the variants that say them."""
        moods = self.raw(self.crop(image, face)).get("moods")
        if moods is None:
            return Signs(self.spec.id)
        return Signs(self.spec.id, valence=float(moods[0]), arousal=float(moods[1]))


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> HsEmotion:
    """The scorer. Raises BadWeights when the file is not this variant's ONNX, BadRequest for a row of no variant."""
    name = spec.id.removeprefix("hsemotion-")
    if name not in VARIANTS:
        raise BadRequest(f"{spec.id}: expected hsemotion- and one of {', '.join(VARIANTS)}.")
    variant = VARIANTS[name]
    network = OnnxBox(files["weights"], variant.size, len(variant.labels) + 2 * variant.moods, *variant.pixels)
    return HsEmotion(spec, network, mtcnn_box(variant.size), variant.size, "", variant.labels)
