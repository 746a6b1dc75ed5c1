"""BlazeFace's arithmetic: anchors, decoding, weighted non-maximum suppression. No network, no picture.

Bazarevsky et al., BlazeFace, arXiv 1907.05047, sections 3.2 (anchors) and 3.3 (blending instead of suppression).
"""

import numpy as np

from workbench.detections import KEYPOINTS, Detections


def anchors(side: int, layers: tuple[tuple[int, int], ...]) -> np.ndarray:
    """Anchor centres in 0..1, (n, 2) float32. layers: (stride, anchors per cell) from the finest to the coarsest."""
    centres = []
    for stride, count in layers:
        cells = side // stride
        y, x = np.divmod(np.arange(cells * cells), cells)
        centres.append(np.repeat(np.stack([x + 0.5, y + 0.5], axis=1) / cells, count, axis=0))
    return np.concatenate(centres).astype(np.float32)


def decode(regression: np.ndarray, logits: np.ndarray, centres: np.ndarray, side: int, threshold: float) -> Detections:
    """The anchors whose probability is at least `threshold`, in pixels of the network's input (edges at 0 and `side`).

    regression: (n, 16) box centre, box size and six points, each relative to the anchor in input pixels. logits: (n,).
    """
    keep = np.flatnonzero(logits >= np.log(threshold / (1 - threshold)))
    offset = centres[keep] * side
    values = regression[keep].reshape(-1, 2 + KEYPOINTS, 2)
    middle, half = values[:, 0] + offset, np.abs(values[:, 1]) / 2
    scores = 1 / (1 + np.exp(-np.clip(logits[keep], -80, 80)))
    return Detections(
        np.concatenate([middle - half, middle + half], axis=1),
        values[:, 2:] + offset[:, None],
        scores.astype(np.float32),
    )
