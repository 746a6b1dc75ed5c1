"""Masks that people corrected, kept while their page is open: whoever parses the same photo again gets the corrected
one.

Knows a photo by a digest of its pixels and keeps no photo.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.values import Face, Parsing

MOST = 64
"""Corrected masks that are kept; the one used longest ago is forgotten."""

Key = tuple[str, bytes]


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    parsing: Parsing
    used: float

    @property
    def size(self) -> int:
        return self.parsing.labels.nbytes + self.parsing.owners.nbytes


class Corrections:
    """The corrected masks of each visitor: nobody gets another's."""

    def __init__(self, lifetime: float, most_bytes: int, now: Callable[[], float] = time.monotonic) -> None:
        """lifetime: seconds after which a mask that nobody used is forgotten. most_bytes: what all may take."""
        self._lifetime, self._most, self._now = lifetime, most_bytes, now
        self._guard = threading.Lock()
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()

    def keep(self, visitor: str, image: np.ndarray, parsing: Parsing) -> None:
        """From now on this is the visitor's mask of this photo, (H, W, 3) uint8. Without a visitor nothing is kept."""
        if not visitor:
            return
        key = _key(visitor, image)
        with self._guard:
            self._kept.pop(key, None)
            self._kept[key] = _Kept(parsing, self._now())
            self._forget()

    def drop(self, visitor: str, image: np.ndarray) -> None:
        """The model's mask is the photo's again."""
        with self._guard:
            self._kept.pop(_key(visitor, image), None)

    def of(self, visitor: str, image: np.ndarray, faces: Sequence[Face]) -> Parsing | None:
        """The visitor's mask of this photo, as `faces` number it; None when there is none of as many faces."""
        with self._guard:
            self._forget()
            mine = any(owner == visitor for owner, _ in self._kept)
        if not visitor or not mine:
            return None
        key = _key(visitor, image)
        with self._guard:
            found = self._kept.pop(key, None)
            if found is None:
                return None
            self._kept[key] = _Kept(found.parsing, self._now())
        same = len(found.parsing.faces) == len(faces)
        return Parsing(found.parsing.labels, found.parsing.owners, tuple(faces), found.parsing.model) if same else None

    def _forget(self) -> None:
        while self._kept:
            oldest = next(iter(self._kept.values()))
            size = sum(kept.size for kept in self._kept.values())
            if len(self._kept) <= MOST and size <= self._most and self._now() - oldest.used < self._lifetime:
                return
            self._kept.popitem(last=False)


def _key(visitor: str, image: np.ndarray) -> Key:
    pixels = np.ascontiguousarray(image)
    return visitor, hashlib.blake2b(pixels.data, digest_size=16, key=str(image.shape).encode()).digest()
