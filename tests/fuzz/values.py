"""Values that no page sends: of the wrong type, size, depth or alphabet; and damage to values that it does send."""

import random
import string
from typing import Any

WORDS = ("", "x", "Face 1", "Face 2", "Face 99999999999999999999", "compact", "fer", "sface", "blazeface", "happy",
         "neutral", "grad_cam", "occlusion", "blur", "strong", "none", "../../etc/passwd", "\ud800", "\udfff\ud800",
         "\0", "NaN", "{}", '{"intensities": {"lip": []}}', '{"masks": "x"}', "[" * 900, '{"a":' * 300, "A" * 70_000,
         "＃１", "1e999", "-1", "0x10", "１", "data:image/png;base64,AAAA", "data:,", "1, 2", "1,2,3,4", "[1e999, 2]",
         "<img src=x onerror=alert(1)>", "'; DROP TABLE raters; --", "%s%n", "=1+1", "\u202e", "💥" * 50)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 7, 64, 201, 10**6, 2**31, 2**63, -(2**63), 10**400, 0.5, -0.0, 1e-320, 1e308, float("nan"),
           float("inf"), float("-inf"), True, False)  # fmt: skip


def value(rng: random.Random, known: tuple[Any, ...], depth: int = 0) -> Any:
    """Any JSON value; one of `known`, which would pass the first checks, every third time."""
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind < 2 and known:
        return rng.choice(known)
    if kind < 4:
        return rng.choice(WORDS)
    if kind < 5:
        return rng.choice(NUMBERS)
    if kind < 6:
        return None
    if kind < 7:
        return [value(rng, known, depth + 1) for _ in range(rng.randrange(4))]
    if kind < 8:
        keys = ("path", "url", "meta", "image", "caption", "data", "headers", "__type__", "value", "0", "\ud800")
        return {rng.choice(keys): value(rng, known, depth + 1) for _ in range(rng.randrange(4))}
    return deep(rng.choice((30, 60, 900)), rng.random() < 0.5)


def deep(levels: int, lists: bool) -> Any:
    """A value nested this deep."""
    found: Any = 1
    for _ in range(levels):
        found = [found] if lists else {"a": found}
    return found


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Bytes with one to eight accidents: flipped, cut, doubled, filled, or replaced by numbers that matter."""
    found = bytearray(data)
    for _ in range(rng.randrange(1, 9)):
        if not found:
            return bytes(rng.randbytes(rng.randrange(40)))
        at, size = rng.randrange(len(found)), rng.randrange(1, 1 + min(64, len(found)))
        match rng.randrange(6):
            case 0:
                found[at] ^= 1 << rng.randrange(8)
            case 1:
                del found[at : at + size]
            case 2:
                found[at:at] = found[at : at + size]
            case 3:
                found[at : at + size] = bytes([rng.choice((0, 255, 127))]) * size
            case 4:
                found[at : at + 4] = rng.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\x80\0\0\0"))
            case _:
                del found[at:]
    return bytes(found)


def misspelt(rng: random.Random, text: str) -> str:
    """Text with accidents that keep most of it."""
    letters = string.printable + "\"'[]{}=\\\ud800\0é"
    found = list(text)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(found) + 1)
        match rng.randrange(5):
            case 0:
                found.insert(at, rng.choice(letters))
            case 1:
                del found[at : at + rng.randrange(1, 9)]
            case 2:
                found[at:at] = found[at : at + rng.randrange(1, 40)]
            case 3:
                found[at:at] = list(rng.choice(WORDS[:-1])[:2000])
            case _:
                found[at : at + 1] = list(str(rng.choice(NUMBERS)))
    return "".join(found)
