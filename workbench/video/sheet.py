"""A few pictures of a clip on one page, to be looked at."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from workbench.images import limit
from workbench.video.clip import Clip, length
from workbench.video.reading import frames


def contact_sheet(clip: Clip, numbers: Sequence[int] = (), side: int = 420, across: int = 3) -> np.ndarray:
    """(H, W, 3) uint8: pictures of these numbers, each with its moment; without numbers twelve, evenly spread.

    side: the longer one of each, in pixels. across: pictures beside each other.
    """
    wanted = sorted(set(numbers)) or [int(place) for place in np.linspace(0, max(clip.frames - 1, 0), 12)]
    return sheet(
        (
            (limit(frame.image, side), f"{frame.number} ({length(float(frame.time * clip.base))})")
            for frame in frames(clip)
            if frame.number in set(wanted)
        ),
        across,
    )


def sheet(pictures: Iterable[tuple[np.ndarray, str]], across: int = 3) -> np.ndarray:
    """Pictures with a line each, in rows; equal in size. None: one white pixel."""
    tiles = []
    for picture, word in pictures:
        tile = picture.copy()
        for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(tile, word, (6, tile.shape[0] - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, width, cv2.LINE_AA)
        tiles.append(tile)
    if not tiles:
        return np.full((1, 1, 3), 255, np.uint8)
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % across)
    return np.concatenate([np.concatenate(tiles[i : i + across], axis=1) for i in range(0, len(tiles), across)])
