"""Where people are told to look for an expression: regions of the face after Ekman and Friesen, drawn from its mesh.

Ekman and Friesen, "Unmasking the Face" (1975), describe each expression by what brows and forehead, eyes and lids, and
the lower face do. Gaya-Morey et al. (2024) turn those words into masks and ask how much of a network's heat lies
inside. Their masks are drawings that are not published as data, so these are our own reading of the same words; the
table below is all of it.
"""

import cv2
import numpy as np

from workbench.errors import BadRequest

# fmt: off
PATHS: dict[str, tuple[tuple[int, ...], ...]] = {
    "forehead": ((103, 67, 109, 10, 338, 297, 332, 334, 296, 336, 9, 107, 66, 105),),
    "between the brows": ((107, 9, 336, 285, 417, 168, 193, 55),),
    "brows": ((46, 70, 63, 105, 66, 107, 55, 65, 52, 53), (276, 300, 293, 334, 296, 336, 285, 295, 282, 283)),
    "eyes and lids": ((130, 247, 30, 29, 27, 28, 56, 190, 243, 112, 26, 22, 23, 24, 110, 25),
                      (359, 467, 260, 259, 257, 258, 286, 414, 463, 341, 256, 252, 253, 254, 339, 255)),
    "outer eye corners": ((130, 226, 35, 143, 34, 139, 156, 113), (359, 446, 265, 372, 264, 368, 383, 342)),
    "nose root": ((168, 193, 245, 188, 174, 196, 197, 419, 399, 412, 465, 417),),
    "nose wings": ((198, 209, 129, 64, 98, 237, 134), (420, 429, 358, 294, 327, 457, 363)),
    "cheeks": ((117, 118, 119, 100, 36, 205, 187, 123), (346, 347, 348, 329, 266, 425, 411, 352)),
    "nose-to-mouth folds": ((129, 203, 206, 216, 212, 57, 92, 165), (358, 423, 426, 436, 432, 287, 322, 391)),
    "upper lip": ((61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191, 78),),
    "mouth": ((61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146),),
    "mouth corners": ((61, 185, 92, 57, 43, 146), (291, 409, 322, 287, 273, 375)),
    "chin": ((204, 106, 182, 83, 18, 313, 406, 335, 424, 369, 400, 377, 152, 148, 176, 140),),
}
"""Region to its outlines over mesh points, image left before image right."""
# fmt: on

LOOK_AT: dict[str, tuple[str, ...]] = {
    "anger": ("between the brows", "brows", "eyes and lids", "mouth"),
    "disgust": ("nose root", "nose wings", "nose-to-mouth folds", "upper lip", "eyes and lids"),
    "fear": ("forehead", "brows", "eyes and lids", "mouth"),
    "happy": ("eyes and lids", "outer eye corners", "cheeks", "nose-to-mouth folds", "mouth"),
    "sad": ("between the brows", "brows", "eyes and lids", "mouth corners"),
    "surprise": ("forehead", "brows", "eyes and lids", "mouth", "chin"),
}
"""Expression to the regions that show it."""


def human_mask(mesh: np.ndarray, size: int, expression: str) -> np.ndarray:
    """(size, size) bool: where people look for an expression on a chip. mesh: (478, 2 or more) in chip pixels.

    Regions are grown by a hundredth of the face's width, to close the seams between them. Raises BadRequest for an
    expression that the book does not describe (neutral, contempt).
    """
    if expression not in LOOK_AT:
        raise BadRequest(f"No regions are described for {expression!r}; expected one of: {', '.join(LOOK_AT)}.")
    drawn = np.zeros((4 * size, 4 * size), np.uint8)
    for region in LOOK_AT[expression]:
        for path in PATHS[region]:
            cv2.fillPoly(drawn, [np.round((mesh[list(path), :2] + 0.5) * 64).astype(np.int32)], 255, cv2.LINE_8, 4)
    grow = max(round(0.04 * float(np.linalg.norm(mesh[454, :2] - mesh[234, :2]))), 1)
    drawn = cv2.dilate(drawn, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grow + 1,) * 2))
    mask: np.ndarray = cv2.resize(drawn, (size, size), interpolation=cv2.INTER_AREA) >= 128
    return mask
