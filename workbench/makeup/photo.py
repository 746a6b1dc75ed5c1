"""Makeup on a whole photo: a canvas is painted, and only what the paint changed is put back at the photo's own
resolution."""

from collections.abc import Mapping

import cv2
import numpy as np
import torch

from workbench import images
from workbench.errors import BadRequest
from workbench.makeup import looks, shapes
from workbench.makeup.canvas import Canvas, check_face, make_canvas
from workbench.makeup.looks import Look
from workbench.makeup.render import paint_of, render
from workbench.values import Face, Parsing, check_image

EDGE = 12
"""Canvas pixels over which a change fades out at the canvas's edge."""


def apply_makeup(
    image: np.ndarray,
    face: Face,
    look: Look | str,
    parsing: Parsing | None = None,
    intensities: Mapping[str, float] | None = None,
    shades: Mapping[str, str] | None = None,
) -> np.ndarray:
    """The photo with one face made up; a new array of the same size. Nothing outside the face changes.

    look: a name of `looks.LOOKS`, or a Look. parsing: spares hair and glasses. intensities: region to 0..1. shades:
    region to the one shade to use. Raises BadRequest (unknown look, region or shade; profile; no landmarks) and
    FaceTooSmall.
    """
    check_face(face)
    chosen = looks.adjusted(looks.find(look) if isinstance(look, str) else look, intensities, shades)
    canvas = make_canvas(image, face, parsing)
    return on_photo(image, canvas, canvas.pixels, painted(canvas, chosen))


def painted(canvas: Canvas, look: Look) -> np.ndarray:
    """(3, S, S) float32 0..255: a canvas made up."""
    with torch.inference_mode():
        pixels = torch.from_numpy(canvas.pixels)[None]
        masks = tensors(softened(canvas, look))
        return render(pixels, masks, paint_of(look, pixels, masks))[0].numpy()


def softened(canvas: Canvas, look: Look) -> dict[str, np.ndarray]:
    """The canvas's masks, those with extra softness blurred and cut again by the face."""
    masks = dict(canvas.masks)
    for region, layer in look.layers.items():
        if layer.softness:
            masks[region] = shapes.soft(masks[region], layer.softness * canvas.unit) * masks["face"]
    return masks


def tensors(masks: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Masks (S, S) as (1, 1, S, S) tensors."""
    return {name: torch.from_numpy(mask)[None, None] for name, mask in masks.items()}


def on_photo(image: np.ndarray, canvas: Canvas, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """A copy of the photo with the difference between two canvases added where the face is.

    before, after: (3, S, S) float32, RGB 0..255. The difference counts as far as the canvas's "face" mask reaches and
    fades out at the canvas's edge; every other pixel stays as it is, to the bit. The array knows no EXIF. Raises
    BadRequest for other shapes.
    """
    check_image(image)
    if before.shape != canvas.pixels.shape or after.shape != canvas.pixels.shape:
        raise BadRequest(f"Expected two canvases of {canvas.pixels.shape}, got {before.shape} and {after.shape}.")
    change = (after - before).astype(np.float32) * (canvas.masks["face"] * _frame(canvas.side))
    top, left, bottom, right = _window(canvas, image.shape)
    result = image.copy()
    if bottom <= top or right <= left:
        return result
    here = images.compose(np.array([[1.0, 0, -left], [0, 1, -top]]), images.invert(canvas.matrix))
    moved = _moved(np.ascontiguousarray(change.transpose(1, 2, 0)), here, (right - left, bottom - top))
    there = result[top:bottom, left:right]
    there[:] = np.clip(np.rint(there + moved), 0, 255).astype(np.uint8)
    return result


def moved_photo(image: np.ndarray, canvas: Canvas, flow: np.ndarray) -> np.ndarray:
    """A copy of the photo with features moved: every place of the face shows what lies `flow` away, at full detail.

    flow: (2, S, S) float32, canvas pixels to the right and down; 0 at the canvas's edge. Raises BadRequest for another
    shape.
    """
    check_image(image)
    if flow.shape != (2, canvas.side, canvas.side):
        raise BadRequest(f"flow: expected (2, {canvas.side}, {canvas.side}), got {flow.shape}.")
    top, left, bottom, right = _window(canvas, image.shape)
    result = image.copy()
    if bottom <= top or right <= left:
        return result
    back = images.invert(canvas.matrix)
    turned = np.einsum("ij,jyx->yxi", back[:, :2], flow).astype(np.float32)
    here = images.compose(np.array([[1.0, 0, -left], [0, 1, -top]]), back)
    by = cv2.warpAffine(turned, here, (right - left, bottom - top), flags=cv2.INTER_LINEAR)
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
    result[top:bottom, left:right] = cv2.remap(
        image, columns + by[..., 0], rows + by[..., 1], cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE
    )
    return result


def _moved(change: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A change of the canvas at the photo's resolution: smooth where it is enlarged, averaged where it shrinks."""
    if abs(np.linalg.det(matrix[:, :2])) < 1:
        return images.warp(change, matrix, size, "black")
    return cv2.warpAffine(change, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)


def _window(canvas: Canvas, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Top, left, bottom, right in the photo of where the face mask is more than nothing."""
    rows, columns = np.flatnonzero(canvas.masks["face"].any(axis=1)), np.flatnonzero(canvas.masks["face"].any(axis=0))
    if not rows.size:
        return 0, 0, 0, 0
    low, high = np.array([columns[0], rows[0]]) - 2.0, np.array([columns[-1], rows[-1]]) + 2.0
    corners = images.apply(images.invert(canvas.matrix), np.array([low, high, [low[0], high[1]], [high[0], low[1]]]))
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, shape[1::-1])
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 0, shape[1::-1])
    return int(top), int(left), int(bottom), int(right)


def _frame(side: int) -> np.ndarray:
    """(S, S) float32: 1 inside, falling to 0 at the canvas's edge."""
    ramp = np.clip(np.minimum(np.arange(side), np.arange(side)[::-1]) / EDGE, 0, 1).astype(np.float32)
    frame: np.ndarray = ramp[:, None] * ramp[None]
    return frame
