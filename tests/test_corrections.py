"""A corrected mask is its visitor's and its photo's alone, and is forgotten in time."""

import numpy as np

from workbench.corrections import Corrections
from workbench.values import Face, Parsing


def face() -> Face:
    return Face(np.array([0, 0, 4, 4], np.float32), np.ones((5, 2), np.float32), 1.0)


def mask(value: int) -> Parsing:
    return Parsing(np.full((4, 4), value, np.uint8), np.ones((4, 4), np.uint8), (face(),), "compact")


def test_nobody_gets_anothers_mask_nor_another_photos() -> None:
    kept, photo = Corrections(60, 10**6), np.zeros((4, 4, 3), np.uint8)
    kept.keep("me", photo, mask(3))

    found = kept.of("me", photo, [face()])
    assert found is not None
    assert found.labels[0, 0] == 3
    assert kept.of("you", photo, [face()]) is None
    assert kept.of("", photo, [face()]) is None
    assert kept.of("me", photo + 1, [face()]) is None
    assert kept.of("me", photo, [face(), face()]) is None
    kept.drop("me", photo)
    assert kept.of("me", photo, [face()]) is None


def test_what_nobody_uses_and_what_is_too_much_is_forgotten() -> None:
    clock = [0.0]
    kept = Corrections(60, 100, lambda: clock[0])
    photos = [np.full((4, 4, 3), n, np.uint8) for n in range(4)]
    for photo in photos:
        kept.keep("me", photo, mask(1))  # 32 bytes each
    assert [kept.of("me", photo, [face()]) is not None for photo in photos] == [False, True, True, True]
    clock[0] = 61.0
    assert kept.of("me", photos[3], [face()]) is None
