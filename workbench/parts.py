"""The one table of face parts; every parser's own order is remapped to it.

Indices are those of CelebAMask-HQ as `face-parsing` models on the Hub use them. Names say the side *of the image*:
what a data set calls `l_eye`, the person's left eye, lies on the image's right. Knows nothing of models or drawing.
"""

PARTS: tuple[str, ...] = (
    "background",
    "skin",
    "nose",
    "eyeglasses",
    "image_right_eye",
    "image_left_eye",
    "image_right_brow",
    "image_left_brow",
    "image_right_ear",
    "image_left_ear",
    "mouth",
    "upper_lip",
    "lower_lip",
    "hair",
    "hat",
    "earring",
    "necklace",
    "neck",
    "cloth",
)

INDEX: dict[str, int] = {name: index for index, name in enumerate(PARTS)}

MIRROR: tuple[int, ...] = tuple(
    INDEX[name.replace("right", "left") if "right" in name else name.replace("left", "right")] for name in PARTS
)
"""The index each part gets when the photo is flipped left to right."""

PAIRS: tuple[tuple[str, int, int], ...] = (("eye", 5, 4), ("brow", 7, 6), ("ear", 9, 8))
"""Parts that come twice: name, index on the image's left, index on its right."""


def title(part: str) -> str:
    """The part's name as a person reads it: `image_left_eye` becomes `Eye (image left)`."""
    for side in ("left", "right"):
        if part.startswith(f"image_{side}_"):
            return f"{part.removeprefix(f'image_{side}_').capitalize()} (image {side})"
    return part.replace("_", " ").capitalize()
