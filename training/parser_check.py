"""How good a network is while it trains: figures on the pictures kept apart, cheap enough to repeat every few
minutes."""

from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as functional

from training.parser_data import SIDE, STORED, Faces
from workbench.mesh import MAPS
from workbench.metrics import parsing as metrics_parts
from workbench.models.parsers.compact_network import Network, prepare


@torch.no_grad()
def check(network: Network, faces: Faces, indices: np.ndarray, side: int, with_maps: bool = True) -> dict[str, Any]:
    """Pooled and per-picture figures at 256 px, single pass: cheap enough to repeat while training."""
    tally = metrics_parts.Tally()
    for index in indices:
        crop = whole_crop(faces, int(index), side, with_maps)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(prepare(torch.from_numpy(crop[None])))
        predicted = functional.interpolate(logits, (SIDE // 2, SIDE // 2), mode="bilinear", align_corners=False).argmax(
            1
        )[0]
        tally.add(faces.masks[index][::2, ::2], predicted.numpy().astype(np.uint8))
    return tally.figures()


def whole_crop(faces: Faces, index: int, side: int, with_maps: bool = True) -> np.ndarray:
    """(side, side, 16) uint8: a whole picture with its maps, nothing moved."""
    colours = cv2.resize(faces.images[index], (side, side), interpolation=cv2.INTER_AREA)
    maps = np.zeros((side, side, len(MAPS)), np.uint8)
    if with_maps:
        for group, stored in enumerate(faces.maps[index]):
            order = [MAPS.index(name) for name in STORED[4 * group : 4 * group + 4]]
            maps[..., order] = cv2.resize(stored, (side, side), interpolation=cv2.INTER_LINEAR)
        maps[..., MAPS.index("mesh_here")] = 255 * faces.has_mesh(index)
    return np.concatenate([colours, maps], axis=2)
