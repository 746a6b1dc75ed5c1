"""Photos in, photos out, crops and back. Pixels and matrices only: knows nothing of models.

A matrix is (2, 3) float64 and takes photo points (x, y), with (0, 0) the centre of the top-left pixel, to crop points.
What needs no pixels is in `geometry.py` and reached from here too.
"""

import io
from dataclasses import replace

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from workbench.colour import SRGB_CHUNK, srgb_profile
from workbench.decoding import decode, read
from workbench.errors import BadRequest
from workbench.geometry import (
    ARCFACE_112,
    DLIB_CHIP_150,
    DLIB_POINTS,
    aligned,
    apply,
    celeba_quad,
    compose,
    face_window,
    invert,
    similarity,
    square_crop,
    stretch,
    umeyama,
)
from workbench.photo import Found
from workbench.values import Face, check_image

__all__ = [
    "ARCFACE_112",
    "DLIB_CHIP_150",
    "DLIB_POINTS",
    "aligned",
    "apply",
    "celeba_quad",
    "compose",
    "decode",
    "encode_jpeg",
    "encode_png",
    "face_window",
    "invert",
    "limit",
    "paste",
    "read",
    "shrink",
    "similarity",
    "square_crop",
    "stretch",
    "umeyama",
    "warp",
    "within",
]

BORDERS = {"replicate": cv2.BORDER_REPLICATE, "black": cv2.BORDER_CONSTANT, "reflect": cv2.BORDER_REFLECT_101}


def limit(image: np.ndarray, side: int) -> np.ndarray:
    """The photo itself, or made smaller so that neither side is longer than `side` pixels."""
    height, width = check_image(image).shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    return cv2.resize(
        image, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )


def within(found: Found, side: int) -> Found:
    """The photo with its faces made smaller, as `limit` does: the same faces in the same order, in the small photo's
    pixels."""
    small = limit(found.image, side)
    if small is found.image:
        return found
    scale = np.array(small.shape[1::-1], np.float64) / found.image.shape[1::-1]
    return Found(replace(found.photo, image=small), tuple(_scaled(face, scale) for face in found.faces))


def _scaled(face: Face, scale: np.ndarray) -> Face:
    """A face after its photo was scaled by (x, y); depth goes with the width."""

    def moved(points: np.ndarray) -> np.ndarray:
        return ((points + 0.5) * scale - 0.5).astype(np.float32)

    mesh = face.mesh
    if mesh is not None:
        mesh = np.concatenate([moved(mesh[:, :2]), (mesh[:, 2:] * scale[0]).astype(np.float32)], axis=1)
    own = None if face.mtcnn is None else moved(face.mtcnn.reshape(2, 2)).ravel()
    return replace(face, box=moved(face.box.reshape(2, 2)).ravel(), points=moved(face.points), mesh=mesh, mtcnn=own)


def shrink(image: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The photo with its longer side brought down to `side`, quickly, and the scale; the photo itself when it is no
    larger.

    Halved until less than twice too large, then averaged: four times as fast as averaging at once. Halving drops the
    last of an odd number of rows or columns, which may leave the result a pixel smaller. Points are right to a pixel of
    the small picture: for looking, not for measuring.
    """
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image, 1.0
    left = scale
    while left <= 0.5 and min(image.shape[:2]) >= 2:
        image = cv2.resize(
            image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2],
            None,
            fx=0.5,
            fy=0.5,
            interpolation=cv2.INTER_AREA,
        )
        left *= 2
    size = max(1, round(image.shape[1] * left)), max(1, round(image.shape[0] * left))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale


def encode_png(image: np.ndarray, *, tagged: bool = True) -> bytes:
    """The picture as PNG without any metadata; every value survives. Takes (H, W, 3) RGB or (H, W) uint8.

    tagged: say that the colours are sRGB; not for pictures whose values are codes.
    """
    note = PngImagePlugin.PngInfo()
    if tagged and image.ndim == 3:
        note.add(b"sRGB", SRGB_CHUNK)
    return _encoded(Image.fromarray(image), "PNG", compress_level=3, pnginfo=note)


def encode_jpeg(image: np.ndarray, quality: int = 92) -> bytes:
    """The picture as JPEG that says its colours are sRGB, without any other metadata."""
    return _encoded(
        Image.fromarray(check_image(image)), "JPEG", quality=quality, subsampling=0, icc_profile=srgb_profile()
    )


def _encoded(picture: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def warp(
    image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], border: str = "replicate", *, nearest: bool = False
) -> np.ndarray:
    """The crop of `size` (width, height) that `matrix` takes out of the image: (height, width[, channels up to 4]),
    same dtype.

    Bilinear; where the crop shrinks the photo more than twofold, its part of the photo is averaged down first, so that
    nothing aliases. border: what lies outside the photo: "replicate", "black" or "reflect". nearest: for label maps,
    whose values must not mix. Raises BadRequest for another border.
    """
    if border not in BORDERS:
        raise BadRequest(f"Expected a border of {', '.join(BORDERS)}, got {border!r}.")
    factor = int(1 / np.sqrt(max(abs(np.linalg.det(matrix[:, :2])), 1e-12)))
    if factor >= 2 and not nearest:
        image, matrix = _averaged(image, matrix, size, factor)
    flags = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return cv2.warpAffine(image, matrix, size, flags=flags, borderMode=BORDERS[border])


def _averaged(
    image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], factor: int
) -> tuple[np.ndarray, np.ndarray]:
    """The part of the image under the crop, `factor` times smaller, and the matrix from there to the crop."""
    height, width = image.shape[:2]
    corners = apply(invert(matrix), np.array([[0, 0], [size[0], 0], [0, size[1]], size], np.float64))
    left, top = np.clip(
        np.floor(corners.min(axis=0)).astype(int) - factor, 0, (max(width - factor, 0), max(height - factor, 0))
    )
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 2 * factor, (left + 1, top + 1), (width, height))
    columns, rows = (right - left) // factor, (bottom - top) // factor
    if not columns or not rows:
        return image, matrix
    part = image[top : top + rows * factor, left : left + columns * factor]
    back = np.array([[factor, 0, left + (factor - 1) / 2], [0, factor, top + (factor - 1) / 2]], np.float64)
    return cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA), compose(matrix, back)


def paste(photo: np.ndarray, crop: np.ndarray, matrix: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """A copy of the photo with the crop back where `matrix` took it from.

    mask: (height, width) of the crop, bool or 0..1: how much of the crop to take; without one, all of it. Pixels of the
    photo outside the crop stay as they are, to the bit.
    """
    height, width = crop.shape[:2]
    edges = apply(
        invert(matrix), np.array([[-0.5, -0.5], [width - 0.5, -0.5], [-0.5, height - 0.5], [width - 0.5, height - 0.5]])
    )
    left, top = np.clip(np.floor(edges.min(axis=0)).astype(int), 0, photo.shape[1::-1])
    right, bottom = np.clip(np.ceil(edges.max(axis=0)).astype(int) + 1, 0, photo.shape[1::-1])
    result = photo.copy()
    if right <= left or bottom <= top:
        return result
    size = int(right - left), int(bottom - top)
    here = compose(np.array([[1.0, 0, -left], [0, 1, -top]]), invert(matrix))
    weight = warp(
        np.ones((height, width), np.float32) if mask is None else mask.astype(np.float32), here, size, "black"
    )[..., None]
    there = result[top:bottom, left:right]
    mixed = there + weight * (warp(crop, here, size).astype(np.float32) - there)
    there[:] = np.clip(np.round(mixed), 0, 255).astype(photo.dtype)
    return result
