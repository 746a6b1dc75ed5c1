"""Parts of one aligned face on another: copy-paste augmentation (Ghiasi et al., Simple copy-paste, arXiv 2012.07177).

Rare parts need no search for a place here: donor and picture are laid upon each other by their meshes before anything
is lent.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from training.parser_data import SIDE
from training.parser_loss import IGNORE
from workbench.parts import INDEX

Pair = tuple[np.ndarray, np.ndarray]
"""A picture (512, 512, 3) and its mask (512, 512), both uint8."""

Paste = Callable[..., Pair]
"""Picture, mask, the donor's picture and mask, generator: the pair after lending. Writes into the first two."""


def _blend(
    image: np.ndarray, mask: np.ndarray, donor: np.ndarray, region: np.ndarray, labels: np.ndarray | int
) -> Pair:
    """The donor's pixels inside the region, with a soft edge, and the new labels there."""
    y, x = np.nonzero(region)
    if not len(y):
        return image, mask
    box = (slice(max(int(y.min()) - 3, 0), int(y.max()) + 4), slice(max(int(x.min()) - 3, 0), int(x.max()) + 4))
    alpha = cv2.GaussianBlur(region[box].astype(np.float32), (0, 0), 0.8)[..., None]
    image[box] = (image[box] * (1 - alpha) + donor[box] * alpha + 0.5).astype(np.uint8)
    mask[region] = labels[region] if isinstance(labels, np.ndarray) else labels
    return image, mask


def _paste_over(*names: str) -> Paste:
    def paste(image: np.ndarray, mask: np.ndarray, donor: np.ndarray, theirs: np.ndarray, rng: Generator) -> Pair:
        return _blend(image, mask, donor, _among(theirs, *names), theirs)

    return paste


def _among(mask: np.ndarray, *names: str) -> np.ndarray:
    return np.isin(mask, [INDEX[name] for name in names])


def _paste_earring(image: np.ndarray, mask: np.ndarray, donor: np.ndarray, theirs: np.ndarray, rng: Generator) -> Pair:
    """Earrings, where they hang on hair, neck, cloth, background or ear and not across the face."""
    region = theirs == INDEX["earring"]
    free = _among(mask, "background", "hair", "neck", "cloth", "earring", "image_left_ear", "image_right_ear")
    for half in (slice(0, SIDE // 2), slice(SIDE // 2, SIDE)):
        part = region[:, half]
        if part.any() and free[:, half][part].mean() < 0.8:
            region[:, half] = False
    return _blend(image, mask, donor, region, INDEX["earring"])


def _paste_neckline(image: np.ndarray, mask: np.ndarray, donor: np.ndarray, theirs: np.ndarray, rng: Generator) -> Pair:
    """Another's neck, necklace and clothes below this face, toned to this skin; or now and then the necklace alone."""
    below = _among(mask, "neck", "necklace", "cloth", "background")
    if rng.random() < 0.4:
        region = cv2.dilate((theirs == INDEX["necklace"]).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        return _blend(image, mask, donor, region & below & (theirs != IGNORE), theirs)
    skin, theirs_skin = _among(mask, "neck"), _among(theirs, "neck")
    if skin.sum() > 500 and theirs_skin.sum() > 500:
        shift = image[skin].mean(axis=0) - donor[theirs_skin].mean(axis=0)
        toned = _among(theirs, "neck", "necklace")
        donor = donor.copy()
        donor[toned] = np.clip(donor[toned] + shift, 0, 255).astype(np.uint8)
    region = _among(theirs, "neck", "necklace", "cloth") & below
    return _blend(image, mask, donor, region, theirs)


PASTES: tuple[tuple[str, float, Paste], ...] = (
    ("eyeglasses", 0.07, _paste_over("eyeglasses", "image_left_eye", "image_right_eye")),
    ("hat", 0.06, _paste_over("hat")),
    ("necklace", 0.16, _paste_neckline),
    ("earring", 0.10, _paste_earring),
)
"""Which part is lent, how often, and how."""


def elsewhere(image: np.ndarray, mask: np.ndarray, other: np.ndarray, rng: Generator) -> np.ndarray:
    """The same person before a blurred other picture, or before one colour."""
    alpha = cv2.GaussianBlur((mask == 0).astype(np.float32), (0, 0), 1.0)[..., None]
    if rng.random() < 0.3:
        scene = np.broadcast_to(rng.integers(0, 256, 3), image.shape)
    else:
        small = cv2.resize(other, (64, 64), interpolation=cv2.INTER_AREA)
        scene = cv2.resize(
            np.roll(small, rng.integers(0, 64, 2), axis=(0, 1)), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR
        )
    return (image * (1 - alpha) + scene * alpha + 0.5).astype(np.uint8)
