"""A sheet of triangles that carries a picture's pixels when its corners are moved, and never folds over itself.

Knows points and pixels only, nothing of faces. Moves are in pixels, forward: where a point of the picture goes.
"""

import cv2
import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import Delaunay

LEAST = 0.12
"""No triangle may shrink below this share of its area, nor turn over."""

ROUNDS = 60
_WIDEN = 3
"""After so many rounds the points one triangle farther from what still folds give way too."""
_STEPS = 4
"""Times a round evens out what gives way."""

_SLIVER = 0.02
"""Triangles of fewer square pixels carry no pixel; they may shrink, but not turn over."""


class WarpField:
    """Triangles over a picture. `fixed` points stay where they are whatever is asked."""

    def __init__(self, points: np.ndarray, fixed: np.ndarray) -> None:
        """points: (n, 2) float, all different. fixed: (n,) bool; the outermost points should be among them."""
        self.points, self.fixed = np.asarray(points, np.float64), np.asarray(fixed, bool)
        corners = Delaunay(self.points).simplices
        areas = _areas(self.points, corners)
        corners[areas < 0] = corners[areas < 0][:, ::-1]
        self.triangles = corners[np.abs(areas) > 1e-9]
        self._areas = _areas(self.points, self.triangles)
        self._around = _neighbours(self.triangles, len(self.points))

    def evened(self, moves: np.ndarray, where: np.ndarray, times: int) -> np.ndarray:
        """The moves with those of some points (n,) bool averaged with their neighbours'."""
        found, where = moves.copy(), where & ~self.fixed
        for _ in range(times):
            found[where] = 0.5 * found[where] + 0.5 * (self._around @ found)[where]
        return found

    def settle(self, moves: np.ndarray) -> tuple[np.ndarray, float]:
        """The nearest moves found that fold nothing, and how much of what was asked they are (0..1).

        Where a triangle would turn over or nearly vanish, its corners take on more of their neighbours' moves, round
        after round (Laplacian smoothing), and after some rounds the corners around them too. What then still folds is
        undone by shortening all moves alike.
        """
        asked = np.where(self.fixed[:, None], 0.0, moves)
        found, loose = asked.copy(), np.zeros(len(asked), bool)
        for number in range(1, ROUNDS + 1):
            bad = self._folded(found)
            if not bad.any():
                break
            loose[self.triangles[bad]] = True
            loose = self._wider(loose, bad, number // _WIDEN) & ~self.fixed
            for _ in range(_STEPS):
                found[loose] = (self._around @ found)[loose]
        found = self._shortened(found)
        total = float(np.linalg.norm(asked))
        return found, 1.0 if total < 1e-9 else float(np.clip((found * asked).sum() / total**2, 0, 1))

    def _wider(self, loose: np.ndarray, bad: np.ndarray, rings: int) -> np.ndarray:
        """What gives way, and now also the points within so many triangles of a bad one."""
        near = np.zeros(len(loose))
        near[self.triangles[bad]] = 1.0
        for _ in range(rings):
            near = near + self._around @ near
        return loose | (near > 0)

    def maps(self, moves: np.ndarray, size: tuple[int, int], step: int = 2) -> tuple[np.ndarray, np.ndarray]:
        """Where each pixel of a picture of `size` (width, height) comes from: x and y, (height, width) float32, for
        `cv2.remap`.

        Computed at every `step`-th pixel and drawn out linearly between. Pixels outside all triangles stay in place, to
        the bit.
        """
        width, height = size
        small = -(-width // step) + 1, -(-height // step) + 1
        shifts = np.zeros((small[1], small[0], 2), np.float32)
        moved = self.points + moves
        touched = np.flatnonzero(np.abs(moves[self.triangles]).max(axis=(1, 2)) > 1e-6)
        owner = np.zeros((small[1], small[0]), np.int32)
        for number, corners in enumerate(_fixed_point(moved[self.triangles[touched]] / step), start=1):
            cv2.fillConvexPoly(owner, corners, number, shift=4)
        rows, columns = np.nonzero(owner)
        affine = _back(moved[self.triangles[touched]], self.points[self.triangles[touched]])[owner[rows, columns] - 1]
        x, y = columns * float(step), rows * float(step)
        shifts[rows, columns, 0] = affine[:, 0, 0] * x + affine[:, 0, 1] * y + affine[:, 0, 2] - x
        shifts[rows, columns, 1] = affine[:, 1, 0] * x + affine[:, 1, 1] * y + affine[:, 1, 2] - y
        drawn = shifts if step == 1 else _drawn_out(shifts, size, step)
        x_grid, y_grid = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        return x_grid + drawn[:height, :width, 0], y_grid + drawn[:height, :width, 1]

    def _folded(self, moves: np.ndarray) -> np.ndarray:
        areas = _areas(self.points + moves, self.triangles)
        return np.where(self._areas > _SLIVER, areas < LEAST * self._areas, areas <= 0)

    def _shortened(self, moves: np.ndarray) -> np.ndarray:
        """The moves themselves, or shortened to the longest share that folds nothing; none at all folds nothing."""
        if not self._folded(moves).any():
            return moves
        shares = np.linspace(1, 0, 41)[1:]
        share = next((share for share in shares if not self._folded(share * moves).any()), 0.0)
        return share * moves


def _areas(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Signed, in square pixels."""
    a, b, c = points[triangles[:, 0]], points[triangles[:, 1]], points[triangles[:, 2]]
    u, v = b - a, c - a
    return 0.5 * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])


def _neighbours(triangles: np.ndarray, count: int) -> csr_matrix:
    """A matrix that takes values at points to the mean over each point's neighbours."""
    ends = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    ends = np.unique(np.concatenate([ends, ends[:, ::-1]]), axis=0)
    share = 1 / np.bincount(ends[:, 0], minlength=count).clip(1)
    return csr_matrix((share[ends[:, 0]], (ends[:, 0], ends[:, 1])), shape=(count, count))


def _fixed_point(corners: np.ndarray) -> np.ndarray:
    """Pixels in sixteenths, as OpenCV draws them."""
    return np.round(np.clip(corners, -4096, 4096) * 16).astype(np.int32)


def _back(moved: np.ndarray, still: np.ndarray) -> np.ndarray:
    """(n, 2, 3): for each triangle the affine map from where its corners went back to where they were."""
    homogeneous = np.concatenate([moved, np.ones((*moved.shape[:2], 1))], axis=2)
    flat = np.abs(np.linalg.det(homogeneous)) < 1e-6
    homogeneous[flat] = np.eye(3)
    affine = np.linalg.solve(homogeneous, still).transpose(0, 2, 1)
    affine[flat] = np.array([[1.0, 0, 0], [0, 1, 0]])
    return affine


def _drawn_out(shifts: np.ndarray, size: tuple[int, int], step: int) -> np.ndarray:
    """Every `step`-th pixel's shift to every pixel's: at pixel k · step exactly the k-th, linear between."""
    matrix = np.array([[step, 0, 0], [0, step, 0]], np.float64)
    return cv2.warpAffine(shifts, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
