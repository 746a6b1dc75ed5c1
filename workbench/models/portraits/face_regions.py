"""What ConsistentID is told of a face's regions: which words stand for them, and a picture of each on black.

Source: Huang et al., "ConsistentID", arXiv 2404.16771 (JackAILab/ConsistentID). Two of its habits are kept, because the
weights know no other: pictures come in the order of the parser's labels (eyes before ears), words in that of the
sentence's markers (ears before eyes); and of two eyes, ears or lips only the first found counts.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

REGIONS = {"face": (1,), "eyes": (4, 5), "ears": (7, 8), "nose": (10,), "mouth": (12, 13)}
"""Labels of BiSeNet's nineteen classes; of several, the first that is in the picture."""

PHRASES = {
    "face": "The person has one face",
    "ears": "two ears",
    "eyes": "two eyes",
    "nose": "one nose",
    "mouth": "and one mouth",
}
"""The one sentence its authors use without a language model, cut at its commas, in the order of their markers."""

MOST = 5


def regions(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Which regions are there, in the pictures' order: masks (H, W) uint8, 0 or 255, holes filled. labels: (H, W) of
    BiSeNet."""
    found = {}
    for name, numbers in REGIONS.items():
        number = next((number for number in numbers if (labels == number).any()), None)
        if number is not None:
            found[name] = _filled(labels == number)
    return found


def _filled(inside: np.ndarray) -> np.ndarray:
    outlines, _ = cv2.findContours(inside.astype(np.uint8) * 255, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    mask = np.zeros(inside.shape, np.uint8)
    for outline in outlines:
        cv2.drawContours(mask, [outline], -1, 255, thickness=cv2.FILLED)
    return mask


def on_black(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The photo where the mask is, black elsewhere. mask: of any size, enlarged by Pillow's bicubic filter."""
    picture = Image.fromarray(photo)
    return np.asarray(
        Image.composite(picture, Image.new("RGB", picture.size), Image.fromarray(mask).resize(picture.size))
    )


def sentence(found: Sequence[str]) -> list[str]:
    """The sentence's pieces for these regions: after each but the last, one region's word has just been said."""
    pieces, before = [], ""
    for name, phrase in PHRASES.items():
        if name in found:
            pieces.append(f"{before}{phrase}")
            before = ", "
    return [*pieces, "," if pieces else ""]
