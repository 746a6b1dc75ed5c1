"""The compact parser's network in torch: on graphics cards, for gradients and features, and where it is asked for."""

from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from workbench.errors import BadWeights
from workbench.mesh import MAPS
from workbench.models.blocks.precision import fast_bfloat16
from workbench.models.files import checkpoint
from workbench.models.parsers.compact_network import STEPS, Network, fused, prepare
from workbench.parts import PARTS

PRIOR = "log_prior"
"""The tensor beside the network's weights that is added to its log probabilities."""


class TorchNetwork:
    """`network(crop)`: probabilities of one crop, in the precision that is fastest on the device."""

    def __init__(self, network: Network, prior: Tensor, side: int, device: str) -> None:
        self.network, self.side = network, side
        self._prior, self._device = prior, device
        self._dtype = torch.bfloat16 if fast_bfloat16(device) else torch.float32
        self.fast = fused(network).to(device=device, dtype=self._dtype, memory_format=torch.channels_last)

    @property
    def features(self) -> nn.Module:
        """The part of the network whose output still has places: the last grid before the decoder's finest steps."""
        return self.network.to_eighth

    def __call__(self, planes: np.ndarray) -> np.ndarray:
        """(16, h, w) uint8 to (19, h/2, w/2) float32 that sum to one at every place, the prior put right."""
        return cast(np.ndarray, (self.logits(_crops(planes))[0] + self._prior[:, None, None]).softmax(0).numpy())

    @staticmethod
    def middle(grids: np.ndarray, side: int, scale: float) -> np.ndarray:
        """(c, n, n) `scale` times finer, bilinear, and of that the middle `side` × `side`."""
        share = side / scale / grids.shape[-1]
        theta = torch.tensor([[[share, 0, 0], [0, share, 0]]])
        places = functional.affine_grid(theta, [1, 1, side, side], align_corners=False)
        found = functional.grid_sample(
            torch.from_numpy(grids)[None], places, mode="bilinear", padding_mode="border", align_corners=False
        )
        return cast(np.ndarray, found[0].numpy())

    @torch.inference_mode()
    def logits(self, crops: np.ndarray) -> Tensor:
        """(n, h, w, 16) uint8 to (n, 19, h/2, w/2) float32, as the network gives them."""
        x = prepare(torch.from_numpy(crops).to(self._device), self._dtype)
        return cast(Tensor, self.fast(x).float().cpu())

    @torch.inference_mode()
    def grid(self, planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (19, h/2, w/2), and the grid of 32 numbers per place they come from, (32, h/2, w/2) float32."""
        grid = self.fast.features(prepare(torch.from_numpy(_crops(planes)).to(self._device), self._dtype))[0]
        scores = (self.fast.head(grid)[0].float().cpu() + self._prior[:, None, None]).softmax(0)
        return scores.numpy(), grid[0].float().cpu().contiguous().numpy()

    def forward(self, chips: Tensor) -> Tensor:
        """(N, 3, S, S) RGB, 0 to 255, to (N, 19, S/2, S/2) logits with gradients: from colours alone, no mesh, no
        matte."""
        x = prepare(torch.zeros(1, 1, 1, 3 + len(MAPS)), torch.float32)
        maps = x[:, 3:].expand(len(chips), -1, *chips.shape[2:])
        return cast(Tensor, self.network(torch.cat([(chips - 118) / 64, maps], dim=1)) + self._prior[:, None, None])


def _crops(planes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(planes.transpose(1, 2, 0))[None]


def read(weights: Path, title: str, device: str) -> TorchNetwork:
    """The network of a weights file. Raises BadWeights when it is another network's."""
    tensors = checkpoint.read(weights)
    about = checkpoint.metadata(weights)
    prior = tensors.pop(PRIOR, None)
    side = int(about.get("side", "0")) if about.get("side", "0").isdigit() else 0
    if prior is None or prior.shape != (len(PARTS),) or not side or side % STEPS:
        raise BadWeights(
            f"{weights.name}: expected the compact parser's weights with {PRIOR!r} and an input side in the "
            "file's head."
        )
    return TorchNetwork(cast(Network, checkpoint.install(Network, tensors, title, device)), prior.float(), side, device)
