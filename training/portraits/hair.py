"""How hair lies and where it is dark, for each of the linear part's outlines: means over the photos that are like it.

    python -m training.portraits.hair --out WORK

Needs what `prepare`, `grey` and `linear` wrote. A photo's flow is told from its lights and shades; a mean is of
`FEWEST` photos and more, of one apparent sex. No picture is kept. Nothing here is random. Writes WORK/hair.safetensors.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file

from workbench.models.portraits import combing
from workbench.models.portraits.appearance import LAYERS, OUTLINE
from workbench.models.portraits.canvas import REACH
from workbench.models.portraits.frame import SIDE
from workbench.models.portraits.shading import FLOOR, GREY

LEAST, FEWEST = 0.04, 24
"""Share of the frame that hair must fill for a photo to count, and how many photos a mean is of at least."""

BROAD = 7.0
"""Pixels; what is finer than a blur of so many is no shade of the whole hair."""

EVENED = {"flow": 1.5, "shade": 2.0}
"""Cells over which means are made smooth."""


def hairy(outlines: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(256, 256) float32: 1 where a photo shows hair, by its outlines (3, 64, 64) and where it is known (256, 256)."""
    wide = cv2.resize(np.ascontiguousarray(outlines.transpose(1, 2, 0)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return ((wide[..., 1] * REACH > 1) & (wide[..., 0] * REACH < -1) & (known > 128)).astype(np.float32)


def spread(flow: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A flow (2, 256, 256) that goes on beyond where it is known, ever broader. weight: (256, 256)."""
    found, sure = flow.copy(), cv2.GaussianBlur(weight, (0, 0), combing.TENSOR)
    for reach in (8, 16, 32):
        beside = np.stack([cv2.GaussianBlur(part * sure, (0, 0), reach) for part in flow])
        beside *= 0.5 / (np.hypot(*beside) + 1e-6)
        share = np.clip(3 * np.hypot(*found), 0, 1)
        found = share * found + (1 - share) * beside
    return found


def lies(photo: np.ndarray, hair: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of a photo (256, 256, 3) uint8 with hair (256, 256) 0..1: flow (2, 64, 64), shade (64, 64) beside the hair's own
    mean, and hair (64, 64)."""
    light = np.log(photo.astype(np.float32) @ np.array(GREY, np.float32) / 255 + FLOOR)
    inner = cv2.erode(hair, np.ones((5, 5)))
    flow = spread(combing.flow(light, inner), inner)
    shade = cv2.GaussianBlur(light * hair, (0, 0), BROAD) / np.maximum(cv2.GaussianBlur(hair, (0, 0), BROAD), 1e-3)
    small = [cv2.resize(each, (OUTLINE, OUTLINE), interpolation=cv2.INTER_AREA) for each in (*flow, shade, hair)]
    whole = small[3]
    return np.stack(small[:2]), small[2] - (small[2] * whole).sum() / whole.sum(), whole


def apart(outlines: np.ndarray, inside: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """(n, o): how far outlines (n, 3, 64, 64) of skin and head are from each of the model's, where a photo shows
    them."""
    rows = []
    for own, seen in zip(outlines, inside, strict=True):
        rows.append((((own[None, :2] - kinds[:, :2]) ** 2) * seen).sum((1, 2, 3)) / seen.sum())
    return np.stack(rows)


def mean_of(flows: np.ndarray, shades: np.ndarray, hair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2, 64, 64) and (64, 64): means over (n, …), each photo counting where it shows hair."""
    loose, reach = hair[:, None] + 0.02, EVENED["flow"]
    total = [cv2.GaussianBlur(part, (0, 0), reach) for part in (flows * loose).sum(0)]
    flow = np.stack(total) / cv2.GaussianBlur(loose.sum(0)[0], (0, 0), reach)
    total = cv2.GaussianBlur((shades * hair).sum(0), (0, 0), EVENED["shade"])
    return flow, total / (cv2.GaussianBlur(hair.sum(0), (0, 0), EVENED["shade"]) + 1.0)


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, default=Path("build/portraits"))
    out = options.parse_args().out
    linear = load_file(out / "linear.safetensors")
    kinds = linear["outlines"].float().numpy().reshape(-1, LAYERS, OUTLINE, OUTLINE)
    women = linear["women"].numpy().astype(bool)
    photo, known, outlines, inside = (
        np.load(out / f"{name}.npy", mmap_mode="r") for name in ("photo", "known", "outlines", "inside")
    )
    with np.load(out / "faces.npz", allow_pickle=False) as faces, np.load(out / "looks.npz") as looks:
        straight, female = np.flatnonzero(~faces["mirrored"]), looks["female"] > 0.5
    shown = {row: hairy(outlines[row], known[row]) for row in straight.tolist()}
    rows = np.array([row for row, hair in shown.items() if hair.mean() > LEAST])
    flows, shades, hair = (np.stack(part) for part in zip(*(lies(photo[row], shown[row]) for row in rows), strict=True))
    far = apart(outlines[rows], inside[rows], kinds)
    far[women[None] != female[rows][:, None]] = np.inf
    nearest, found = far.argmin(1), []
    for kind in range(len(kinds)):
        own = np.union1d(np.flatnonzero(nearest == kind), np.argsort(far[:, kind], kind="stable")[:FEWEST])
        found.append(mean_of(flows[own], shades[own], hair[own]))
        print(f"outline {kind}: {len(own)} photos")
    kept = {name: np.stack(part) for name, part in zip(("flows", "shades"), zip(*found, strict=True), strict=True)}
    tensors = {name: torch.from_numpy(array).half().contiguous() for name, array in kept.items()}
    save_file(tensors, out / "hair.safetensors", {"photos": str(len(rows))})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
