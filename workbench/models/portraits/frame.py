"""The mean frame: where every face mesh has the same shape, and the way from it to a face of its own shape and back.

Knows points and maps, no colours. A mesh here has 468 points, (x, y) in pixels of a square picture; around it lie a
ring of points outside the face, which moves with the face's outline, and points on the frame's border, which stay
(Cootes, Edwards and Taylor, "Active appearance models", PAMI 2001, section 2.1, whose piecewise affine warp this is).
"""

from functools import cached_property

import cv2
import numpy as np
from scipy.spatial import Delaunay

from workbench.mesh import OVAL, polygon

SIDE = 256
"""Of the mean frame and of the pictures, in pixels."""

AROUND = 1.35
"""How far from the middle of the face's outline the ring lies, in outlines."""


BLUNT, LOOSE, BEYOND = 1.2, 7.0, (-1.0, 7.0)
"""Pixels over which the corners of the triangles' maps are rounded, in the face and outside it; and how far beyond a
face's outline the one becomes the other. A turned head's far side folds there, and cheeks were torn into steps."""


def ring(points: np.ndarray) -> np.ndarray:
    """(36, 2): the ring around a mesh (468, 2)."""
    outline = points[list(OVAL)]
    middle = outline.mean(0)
    return middle + AROUND * (outline - middle)


def border(side: float) -> np.ndarray:
    """(8, 2): corners and middles of the border of a square picture, a little outside it so that no pixel is without a
    triangle."""
    low, middle, high = -0.15 * side, side / 2, 1.15 * side
    return np.array([(x, y) for y in (low, middle, high) for x in (low, middle, high) if (x, y) != (middle, middle)])


class Frame:
    """The mean shape and its triangles."""

    def __init__(self, mean: np.ndarray) -> None:
        """mean: (468, 2) in pixels of a frame of `SIDE`."""
        self.mean = np.asarray(mean, np.float64)
        self.points = np.concatenate([self.mean, ring(self.mean), border(SIDE)])

    @cached_property
    def triangles(self) -> Delaunay:
        """Over mesh, ring and border."""
        return Delaunay(self.points)

    def weights(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """For each pixel of the frame at `side` pixels: the three points around it (side², 3) and their shares."""
        scale = SIDE / side
        y, x = np.mgrid[:side, :side]
        places = (np.stack([x.ravel(), y.ravel()], 1) + 0.5) * scale - 0.5
        which = self.triangles.find_simplex(places)
        transform = self.triangles.transform[which]
        first = np.einsum("nij,nj->ni", transform[:, :2], places - transform[:, 2])
        return self.triangles.simplices[which], np.concatenate([first, 1 - first.sum(1, keepdims=True)], 1)

    def map_from(self, points: np.ndarray, side: int) -> np.ndarray:
        """(side, side, 2) float32: where in a photo each pixel of the frame lies. points: (504, 2), mesh and ring in
        the photo.

        The border's points follow by the similarity between the two rings' middles and sizes.
        """
        outer = points[468:]
        home = self.points[468 : 468 + len(outer)]
        scale = np.linalg.norm(outer - outer.mean(0)) / np.linalg.norm(home - home.mean(0))
        turn = _turn(home - home.mean(0), outer - outer.mean(0))
        edges = (border(SIDE) - home.mean(0)) @ turn.T * scale + outer.mean(0)
        corners, shares = self._weights(side)
        return (
            np.einsum("nk,nkd->nd", shares, np.concatenate([points, edges])[corners])
            .reshape(side, side, 2)
            .astype(np.float32)
        )

    def map_to(self, shape: np.ndarray) -> np.ndarray:
        """(256, 256, 2) float32: which place of the frame each pixel of a picture with this shape (468, 2) shows.

        Triangles are drawn from the border inward and from small moves to large ones, so that where lips or lids fold
        over each other what moved more lies on top.
        """
        moved = np.concatenate([shape, ring(shape), border(SIDE)]).astype(np.float64)
        corners = self.triangles.simplices
        order = np.argsort(np.linalg.norm((moved - self.points)[corners], axis=2).max(1), kind="stable")
        owner = np.zeros((SIDE, SIDE), np.int32)
        fixed = np.round(np.clip(moved[corners], -4096, 4096) * 16).astype(np.int32)
        for number in order:
            cv2.fillConvexPoly(owner, fixed[number], int(number) + 1, shift=4)
        rows, columns = np.nonzero(owner)
        owners, still = owner[rows, columns] - 1, self.points[corners]
        affine = _affine(moved[corners], still)[owners]
        y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
        here = np.stack([x, y], 2)
        found = here.copy()
        place = np.stack([columns, rows, np.ones(len(rows))], 1)
        # a sliver is drawn wider than it is; beside it its map would lead anywhere
        least, most = still.min(axis=1)[owners] - 1, still.max(axis=1)[owners] + 1
        found[rows, columns] = np.clip(np.einsum("nij,nj->ni", affine, place), least, most)
        moves = found - here
        share = _outside(shape)[..., None]
        return (
            here + (1 - share) * cv2.GaussianBlur(moves, (0, 0), BLUNT) + share * cv2.GaussianBlur(moves, (0, 0), LOOSE)
        )

    def _weights(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        kept = self.__dict__.setdefault("_kept", {})
        if side not in kept:
            kept[side] = self.weights(side)
        found: tuple[np.ndarray, np.ndarray] = kept[side]
        return found


def _outside(shape: np.ndarray) -> np.ndarray:
    """(256, 256) float32: 0 in a face of this shape (468, 2), 1 well beyond its outline."""
    beyond = cv2.distanceTransform((polygon(shape, OVAL, (SIDE, SIDE)) < 128).astype(np.uint8), cv2.DIST_L2, 5)
    found: np.ndarray = np.clip((beyond - BEYOND[0]) / (BEYOND[1] - BEYOND[0]), 0, 1).astype(np.float32)
    return np.where(beyond > 0, found, 0)


def _affine(moved: np.ndarray, still: np.ndarray) -> np.ndarray:
    """(n, 2, 3): for each triangle the affine map from where its corners went back to where they were."""
    homogeneous = np.concatenate([moved, np.ones((*moved.shape[:2], 1))], axis=2)
    flat = np.abs(np.linalg.det(homogeneous)) < 1e-6
    homogeneous[flat] = np.eye(3)
    affine: np.ndarray = np.linalg.solve(homogeneous, still).transpose(0, 2, 1)
    affine[flat] = np.array([[1.0, 0, 0], [0, 1, 0]])
    return affine


def _turn(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    u, _, vt = np.linalg.svd(target.T @ source)
    sign = np.diag([1.0, np.sign(np.linalg.det(u @ vt))])
    found: np.ndarray = u @ sign @ vt
    return found
