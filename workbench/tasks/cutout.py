"""What is cut out, put elsewhere: its own colours without the old background's, softer or larger, before a new one."""

from dataclasses import dataclass

import cv2
import numpy as np

from workbench.errors import BadRequest
from workbench.images import encode_png
from workbench.values import check_image

MOST_PIXELS = 200
"""By how much an edge can be grown, shrunk or softened, in pixels."""

COLOUR_SIDE = 1024
"""The longer side at which colours behind an edge are told apart; they vary slowly."""


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """alpha: (H, W) float32 in 0..1, how much of a pixel the subject covers. colours: (H, W, 3) uint8, its own colours
    there, without what shone through."""

    alpha: np.ndarray
    colours: np.ndarray

    def __post_init__(self) -> None:
        if self.alpha.shape != check_image(self.colours).shape[:2] or self.alpha.dtype != np.float32:
            raise BadRequest(
                f"Cutout: expected alpha of {self.colours.shape[:2]} float32, got {self.alpha.shape} of "
                f"{self.alpha.dtype}."
            )


def cut_out(image: np.ndarray, alpha: np.ndarray, grow: float = 0.0, feather: float = 0.0) -> Cutout:
    """The subject with its own colours. grow: pixels by which its edge moves out (in, below 0). feather: pixels over
    which it is softened. Raises BadRequest for more than 200 either way, or sizes that differ.
    """
    for name, value, least in (("grow", grow, -MOST_PIXELS), ("feather", feather, 0)):
        if not isinstance(value, (int, float)) or not least <= value <= MOST_PIXELS:
            raise BadRequest(f"{name}: expected {least} to {MOST_PIXELS} pixels, got {str(value)[:20]}.")
    if alpha.shape != check_image(image).shape[:2]:
        raise BadRequest(f"Expected a matte of the photo's size {image.shape[:2]}, got {alpha.shape}.")
    colours = foreground(image, alpha)
    if grow:
        size = 2 * max(1, round(abs(grow))) + 1
        reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        alpha = (cv2.dilate if grow > 0 else cv2.erode)(alpha, reach)
    if feather:
        alpha = cv2.GaussianBlur(alpha, (0, 0), float(feather) / 2)
    return Cutout(np.clip(alpha, 0, 1).astype(np.float32), colours)


def foreground(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the colours of what is in front, where a pixel mixes it with what is behind; else the photo.

    Multi-level estimation (Germer, Uelwer, Conrad, Harmeling, arXiv 2006.14970), as `pymatting.estimate_foreground_ml`
    does it, at no more than 1024 pixels.
    """
    mixed = (alpha > 0) & (alpha < 1)
    if not mixed.any():
        return image
    scale = min(1.0, COLOUR_SIDE / max(alpha.shape))
    size = (max(1, round(alpha.shape[1] * scale)), max(1, round(alpha.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    front = front_and_back(small, cv2.resize(alpha, size, interpolation=cv2.INTER_AREA))[0]
    large = cv2.resize(front, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
    out = np.where((alpha < 1)[..., None], np.round(large * 255).clip(0, 255).astype(np.uint8), image)
    return np.ascontiguousarray(out)


def front_and_back(image: np.ndarray, alpha: np.ndarray, smooth: float = 1e-5) -> tuple[np.ndarray, np.ndarray]:
    """(h, w, 3) float32 twice: colours of what is in front and of what is behind, at every pixel.

    image: (h, w, 3) float32 in 0..1. From a pixel up, each level starts from the coarser one's answer and balances the
    mixture with neighbours, less across the matte's own edges (arXiv 2006.14970, algorithm 1).
    """
    height, width = alpha.shape
    front = np.broadcast_to(image.mean(axis=(0, 1)), (1, 1, 3)).astype(np.float32)
    back = front
    levels = int(np.ceil(np.log2(max(height, width, 2))))
    for level in range(levels + 1):
        size = (round(width ** (level / levels)), round(height ** (level / levels)))
        seen = cv2.resize(image, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], 3)
        cover = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0])
        front, back = (
            cv2.resize(each, size, interpolation=cv2.INTER_NEAREST).reshape(size[1], size[0], 3)
            for each in (front, back)
        )
        for _ in range(10 if max(size) <= 32 else 3):
            front, back = _balanced(seen, cover, front, back, smooth)
    return front, back


def _balanced(
    seen: np.ndarray, cover: np.ndarray, front: np.ndarray, back: np.ndarray, smooth: float
) -> tuple[np.ndarray, np.ndarray]:
    """One round: every pixel solves for its two colours, the four neighbours held."""
    rest = 1 - cover
    ours, both, theirs = cover * cover, cover * rest, rest * rest
    ahead, behind = cover[..., None] * seen, rest[..., None] * seen
    around = np.pad(cover, 1, mode="edge")
    fronts, backs = (np.pad(each, ((1, 1), (1, 1), (0, 0)), mode="edge") for each in (front, back))
    height, width = cover.shape
    for y, x in ((0, 1), (2, 1), (1, 0), (1, 2)):
        here = (slice(y, y + height), slice(x, x + width))
        tie = smooth + np.abs(cover - around[here])
        ours, theirs = ours + tie, theirs + tie
        ahead, behind = ahead + tie[..., None] * fronts[here], behind + tie[..., None] * backs[here]
    scale = 1 / (ours * theirs - both * both)[..., None]
    new = (theirs[..., None] * ahead - both[..., None] * behind) * scale
    old = (ours[..., None] * behind - both[..., None] * ahead) * scale
    return new.clip(0, 1).astype(np.float32), old.clip(0, 1).astype(np.float32)


def transparent_png(cutout: Cutout) -> bytes:
    """A PNG whose fourth channel is the matte; what is fully transparent has no colour left."""
    alpha = np.round(cutout.alpha * 255).astype(np.uint8)
    colours = np.where((alpha > 0)[..., None], cutout.colours, 0).astype(np.uint8)
    return encode_png(np.dstack([colours, alpha]))


def matte_png(cutout: Cutout) -> bytes:
    """A grey PNG of the matte: 255 where the subject covers a pixel whole."""
    return encode_png(np.round(cutout.alpha * 255).astype(np.uint8), tagged=False)


def before_colour(cutout: Cutout, colour: str) -> np.ndarray:
    """(H, W, 3) uint8: before one colour, "#rrggbb". Raises BadRequest for another word."""
    word = str(colour).strip().lstrip("#")
    if len(word) != 6 or any(letter not in "0123456789abcdefABCDEF" for letter in word):
        raise BadRequest(f"Expected a colour as #rrggbb, got {str(colour)[:20]!r}.")
    return before(cutout, np.array([int(word[i : i + 2], 16) for i in (0, 2, 4)], np.uint8))


def before_picture(cutout: Cutout, picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: before another picture, which covers the photo whole and is cropped about its middle."""
    height, width = cutout.alpha.shape
    scale = max(height / check_image(picture).shape[0], width / picture.shape[1])
    size = (max(width, round(picture.shape[1] * scale)), max(height, round(picture.shape[0] * scale)))
    moved = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return before(cutout, moved[top : top + height, left : left + width])


def before_blur(cutout: Cutout, image: np.ndarray, strength: float = 0.03) -> np.ndarray:
    """(H, W, 3) uint8: before the photo's own background, blurred; the subject does not bleed into it.

    strength: of the blur, in parts of the photo's longer side, up to 0.2. Raises BadRequest.
    """
    if not isinstance(strength, (int, float)) or not 0 < strength <= 0.2:
        raise BadRequest(f"strength: expected above 0 and at most 0.2, got {str(strength)[:20]}.")
    size = tuple(max(1, round(side / 4)) for side in cutout.alpha.shape[::-1])
    small = cv2.resize(check_image(image), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    free = 1 - cv2.dilate(cv2.resize(cutout.alpha, size, interpolation=cv2.INTER_AREA), np.ones((5, 5), np.uint8))
    sigma = max(strength * max(size), 0.5)
    total = small * 0
    weight = free * 0
    for wider in (1, 4, 16):  # where the subject is large, what is behind it comes from farther away
        spread = min(sigma * wider, max(size))
        share = cv2.GaussianBlur(free, (0, 0), spread)
        lack = np.clip(1 - weight * 4, 0, 1)
        total += cv2.GaussianBlur(small * free[..., None], (0, 0), spread) * lack[..., None]
        weight += share * lack
    blurred = np.where(weight[..., None] > 1e-4, total / np.maximum(weight, 1e-4)[..., None], small)
    large = cv2.resize(blurred, cutout.alpha.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return before(cutout, np.round(large).clip(0, 255).astype(np.uint8))


def before(cutout: Cutout, background: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the subject before a background of its size, or of one colour (3,)."""
    alpha = cutout.alpha[..., None]
    return np.round(cutout.colours * alpha + background.astype(np.float32) * (1 - alpha)).astype(np.uint8)
