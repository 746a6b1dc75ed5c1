"""The faces that were found in photos lately, so that a number on the screen stays the face that is worked on.

Keeps faces and a digest of the pixels, never a photo.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from workbench.values import Face

MOST, MOST_FACES = 256, 20_000
"""Photos whose faces are remembered, and how many of them (6 kB each); what was not asked for longest is forgotten."""

Finding = Callable[[np.ndarray], tuple[Face, ...]]


class Sightings:
    """Looks once for the faces of a photo: whoever asks again for the same pixels gets the same faces in the same
    order."""

    def __init__(self, lifetime: float, now: Callable[[], float] = time.monotonic) -> None:
        """lifetime: seconds after which faces that nobody asked for are forgotten."""
        self._lifetime, self._now, self._guard = lifetime, now, threading.Lock()
        self._known: OrderedDict[bytes, tuple[float, tuple[Face, ...]]] = OrderedDict()

    def of(self, image: np.ndarray, find: Finding) -> tuple[Face, ...]:
        """The faces of a photo, (H, W, 3) uint8; `find` is asked when they are not known."""
        key = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16, key=str(image.shape).encode()).digest()
        with self._guard:
            self._forget()
            known = self._known.pop(key, None)
        faces = find(image) if known is None else known[1]
        with self._guard:
            faces = self._known.get(key, (0.0, faces))[1]  # two who ask at once get one answer
            self._known[key] = (self._now(), faces)
        return faces

    def _forget(self) -> None:
        while self._known:
            oldest = next(iter(self._known.values()))[0]
            faces = sum(len(found) for _, found in self._known.values())
            if len(self._known) < MOST and faces < MOST_FACES and self._now() - oldest < self._lifetime:
                return
            self._known.popitem(last=False)
