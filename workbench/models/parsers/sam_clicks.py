"""SAM 2.1 from the Hub as a refiner by clicks: the face's square looked at once, then a mask per click.

Ravi et al., "SAM 2: Segment Anything in Images and Videos", arXiv 2408.00714. The network is transformers' `Sam2Model`;
of the published file, which follows videos too, only the weights for single pictures are read. No code of a repository
runs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import torch
from torch import Tensor
from transformers.models.sam2 import Sam2Config, Sam2Model

from workbench.catalog.spec import ModelSpec
from workbench.errors import BadWeights
from workbench.geometry import apply, compose, invert, stretch
from workbench.images import warp
from workbench.models.blocks.pixels import IMAGENET
from workbench.models.files import checkpoint
from workbench.models.files.whole import whole
from workbench.models.parsers import compact_parser
from workbench.models.parsers.clicks import changed
from workbench.models.parsers.compact_parser import CompactParser
from workbench.values import Face, FaceFeatures

PARTS_OF_CONFIG = ("vision_config", "prompt_encoder_config", "mask_decoder_config")
OF_VIDEOS = ("memory_", "mask_downsample", "object_pointer_proj", "temporal_positional_encoding_projection_layer")
"""How the names of weights begin that only videos need."""
ALSO_OF_VIDEOS = ("no_memory_positional_encoding", "no_object_pointer", "occlusion_spatial_embedding_parameter")

SURE = 10.0
"""Log odds of the mask so far, as it is shown to the network."""

WIDER = 1 / 8
"""How much more than the CelebA-HQ square is looked at on every side, in sides of that square."""


@dataclass(frozen=True, slots=True, eq=False)
class SamFeatures(FaceFeatures):
    """A look at a face, and what SAM saw. seen: its grids, finest first, float32. frame: (2, 3) from the pixels of its
    square to the photo's."""

    seen: tuple[np.ndarray, ...]
    frame: np.ndarray


class SamClicks:
    """One click after another: `look` once, then call it."""

    def __init__(self, spec: ModelSpec, parser: CompactParser, network: Sam2Model, device: str) -> None:
        self.spec = spec
        self.side = int(network.config.prompt_encoder_config.image_size)
        self._parser, self._device = parser, device
        self._network = network.eval().requires_grad_(False).to(device)

    def look(self, image: np.ndarray, face: Face) -> SamFeatures:
        """What the clicks of one face share; what a click takes away is the compact parser's to name."""
        found = self._parser.look(image, face)
        square, side = self._parser.window(face, image.shape)
        border = round(self.side * WIDER / (1 + 2 * WIDER))
        inner = stretch((side, side), self.side - 2 * border)
        to_square = compose(inner, square) + np.array([[0, 0, border]] * 2)
        crop = warp(image, to_square, (self.side, self.side))
        return SamFeatures(found.scores, found.grid, self.grids(crop), invert(to_square))

    @torch.inference_mode()
    def grids(self, crop: np.ndarray) -> tuple[np.ndarray, ...]:
        """The network's grids of a (side, side, 3) picture."""
        pixels = torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))).float()
        seen = self._network.get_image_embeddings(IMAGENET(pixels[None]).to(self._device))
        return tuple(grid.float().cpu().numpy() for grid in seen)

    @torch.inference_mode()
    def logits(
        self, seen: Sequence[np.ndarray], clicks: Sequence[tuple[float, float, int]], mask: np.ndarray | None
    ) -> np.ndarray:
        """(side/4, side/4) float32: the best mask for clicks (x, y in pixels of the square, 1 or -1), from the mask so
        far, (side/4, side/4) log odds, or from none: then, after one click, the likeliest of three masks."""
        points = torch.tensor([[[click[:2] for click in clicks]]], dtype=torch.float32, device=self._device)
        labels = torch.tensor([[[int(click[2] > 0) for click in clicks]]], device=self._device)
        before = None if mask is None else torch.from_numpy(mask)[None, None].to(self._device)
        found = self._network(
            image_embeddings=[torch.from_numpy(grid).to(self._device) for grid in seen],
            input_points=points,
            input_labels=labels,
            input_masks=before,
            multimask_output=mask is None and len(clicks) == 1,
        )
        best = int(found.iou_scores[0, 0].argmax())
        return cast(np.ndarray, found.pred_masks[0, 0, best].float().cpu().numpy())

    def __call__(
        self,
        image: np.ndarray,
        features: FaceFeatures,
        part: str,
        mask: np.ndarray,
        clicks: Sequence[tuple[int, int, int]],
    ) -> np.ndarray:
        """(H, W) bool: the part after the clicks (x, y in photo pixels and 1 or -1), the last one newest; changed only
        where the change hangs together with that click."""
        assert isinstance(features, SamFeatures)
        asked = [place for place in self._placed(features.frame, clicks) if place]
        new = mask.copy()
        new[clicks[-1][1], clicks[-1][0]] = clicks[-1][2] > 0
        if not self._placed(features.frame, clicks[-1:])[0]:
            return new
        cells = self.side // 4
        frame = compose(features.frame, stretch((cells, cells), self.side))
        start = _seen(mask, frame, cells)
        before = np.where(start, np.float32(SURE), np.float32(-SURE)) if start.any() else None
        chance = 1 / (1 + np.exp(-np.clip(self.logits(features.seen, asked, before), -60, 60)))
        return changed(mask, start, chance.astype(np.float32), frame, clicks[-1])

    def _placed(
        self, frame: np.ndarray, clicks: Sequence[tuple[int, int, int]]
    ) -> list[tuple[float, float, int] | None]:
        """The clicks in pixels of the square, None for those outside it."""
        rows = apply(invert(frame), np.array([click[:2] for click in clicks], np.float64)).tolist()
        low, high = -0.5, self.side - 0.5
        return [
            (x, y, click[2]) if low <= min(x, y) and max(x, y) < high else None
            for (x, y), click in zip(rows, clicks, strict=True)
        ]


def _seen(mask: np.ndarray, frame: np.ndarray, cells: int) -> np.ndarray:
    """(cells, cells) bool: the photo's mask in the network's grid."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    shown: np.ndarray = cv2.warpAffine(mask.view(np.uint8) * 255, frame, (cells, cells), flags=flags) > 127
    return shown


def load(spec: ModelSpec, files: Mapping[str, Path], device: str) -> SamClicks:
    """The refiner. files: `weights`, `config`, and those of the compact parser: `parser`, `matte`.

    Raises BadWeights when the files are another network's or describe one that its weights do not fill.
    """
    parser = compact_parser.load(spec, {"weights": files["parser"], "matte": files["matte"]}, device)
    return SamClicks(spec, parser, network(files["weights"], files["config"]), device)


def network(path: Path, config: Path) -> Sam2Model:
    """The network for single pictures. Raises BadWeights."""
    weights = {name: value.float() for name, value in checkpoint.read(path).items() if not _of_videos(name)}
    checkpoint.sound(weights, path.name)
    settings = _settings(config, weights)
    with whole(path, "the weights of SAM 2"):
        found, report = Sam2Model.from_pretrained(
            None, config=settings, state_dict=weights, output_loading_info=True, ignore_mismatched_sizes=True
        )
    wrong = [*report["missing_keys"], *report["unexpected_keys"], *report["mismatched_keys"]]
    if wrong:
        raise BadWeights(
            f"{path.name}: {len(wrong)} weights are missing, unexpected or of another shape, first {wrong[0]!r}. "
            "Fetch it again."
        )
    return cast(Sam2Model, found)


def _of_videos(name: str) -> bool:
    return name.startswith(OF_VIDEOS) or name in ALSO_OF_VIDEOS


def _settings(path: Path, weights: Mapping[str, Tensor]) -> Sam2Config:
    """What the configuration says of single pictures. Raises BadWeights when that is no network, or one far larger than
    the weights: making it would ask for memory that is not there."""
    with whole(path, "the configuration of SAM 2"):
        told: Any = json.loads(path.read_text())
        if told.get("model_type") not in ("sam2", "sam2_video"):
            raise BadWeights(f"{path.name}: expected a model of type sam2, got {str(told.get('model_type'))[:40]!r}.")
        settings = Sam2Config(**{name: told[name] for name in PARTS_OF_CONFIG})
        with torch.device("meta"):
            asked = sum(value.numel() for value in Sam2Model(settings).state_dict().values())
    given = sum(value.numel() for value in weights.values())
    if asked > 2 * given:
        raise BadWeights(f"{path.name} describes a network of {asked:,} numbers, the weights are {given:,}.")
    return settings
