"""From what a search found to a `Protection`: put onto the photo, saved, opened, read and measured."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from workbench import images
from workbench.makeup.canvas import SIDE
from workbench.makeup.photo import moved_photo, on_photo
from workbench.protection import visibility as looks
from workbench.protection.colours import skin_change
from workbench.protection.judge import Reader, opened
from workbench.protection.scene import Scene
from workbench.protection.search import Stage
from workbench.protection.seeing import visibility
from workbench.values import Protection

QUALITY = 92
"""Of the saved JPEG."""


def placed(image: np.ndarray, scene: Scene, stage: Stage, row: int = 0, painted: bool = True) -> np.ndarray:
    """The photo with what was found at one visibility; painted: under the tones too, otherwise only in its look and
    with features moved."""
    canvas = scene.canvases[row]
    bare = image if stage.flow is None else moved_photo(image, canvas, stage.flow[row].numpy())
    return on_photo(bare, canvas, stage.bare[row].numpy(), (stage.pixels if painted else stage.look)[row].numpy())


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """Makes a `Protection` of what was found: saves, opens, reads and measures. judges: their ids."""

    image: np.ndarray
    scene: Scene
    reader: Reader
    judges: Sequence[str]
    aim: str
    against: str
    started: float

    def of(self, stage: Stage, steps: int) -> Protection:
        """The protection at one visibility."""
        look = placed(self.image, self.scene, stage, painted=False)
        return self._made(placed(self.image, self.scene, stage), look, steps, stage.level)

    def unchanged(self) -> Protection:
        """The photo as it came."""
        return self._made(self.image, self.image, 0, float("nan"), changed=False)

    def _made(
        self, protected: np.ndarray, look: np.ndarray, steps: int, level: float, changed: bool = True
    ) -> Protection:
        data = images.encode_jpeg(protected, QUALITY)
        return Protection(
            photo=data,
            aim=self.aim,
            against=self.against,
            readings=self.reader.readings(self.image, data, self.judges),
            **measured(self.image, opened(data), self.scene, look=look),
            change=np.abs(protected.astype(np.int16) - self.image).max(axis=2).astype(np.uint8),
            changed=changed,
            seconds=time.perf_counter() - self.started,
            steps=steps,
            level=level,
        )


def measured(
    image: np.ndarray, saved: np.ndarray, scene: Scene, row: int = 0, look: np.ndarray | None = None
) -> dict[str, Any]:
    """What the change of a saved photo looks like: visibility, SSIM, PSNR, ΔE00 of bare skin and patchiness, all on the
    canvas.

    look: the photo that visibility compares with, when makeup that is meant to be seen or a small movement of features
    is not to count; None: the photo as it came.
    """
    canvas = scene.canvases[row]
    before, after = (images.warp(photo, canvas.matrix, (SIDE, SIDE)) for photo in (image, saved))
    against = before if look is None else images.warp(look, canvas.matrix, (SIDE, SIDE))
    first, second, third = (
        torch.from_numpy(np.ascontiguousarray(photo.transpose(2, 0, 1))).float()[None]
        for photo in (before, after, against)
    )
    here = slice(row, row + 1)
    face, skin = scene.face[here], scene.skin[here]
    colour, tint = skin_change(before, after, skin[0, 0].numpy())
    return {
        "visibility": float(visibility(third, second, face, scene.hairless[here], scene.worn[here], scene.own[here])),
        "ssim": float(looks.ssim(first, second, face)),
        "psnr": float(looks.psnr(first, second, face)),
        "skin_change": colour,
        "skin_tint": tint,
        "patchiness": float(looks.patchiness(first, second, skin)),
    }
