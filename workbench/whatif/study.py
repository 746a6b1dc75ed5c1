"""Everything asked of one face at once: where every slider flips the decision, and the smallest changes that do.

What a page, a file or a screen shows is read off a `Study`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.errors import BadRequest, FaceTooSmall
from workbench.watch import Watch
from workbench.whatif.changes import OUT_OF_REACH, SLIDERS, Change, check_way
from workbench.whatif.curves import Curve, curve, movable
from workbench.whatif.readers import Reader, Reading
from workbench.whatif.smallest import Smallest, smallest_parts, smallest_sliders
from workbench.whatif.stage import Stage

MOST_READERS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """What was found. image: the close-up at rest. names: of the readers. before: their readings of it. curves: one per
    slider that can be moved. smallest: by "sliders" or the way parts were changed. left_out: what was not tried, and
    why."""

    image: np.ndarray
    names: tuple[str, ...]
    before: tuple[Reading, ...]
    curves: tuple[Curve, ...]
    smallest: Mapping[str, Smallest]
    left_out: tuple[str, ...] = ()

    @property
    def best(self) -> Smallest | None:
        """The smallest change over sliders if it flips, else the parts' one with the least area that does."""
        sliders = self.smallest.get("sliders")
        if sliders is not None and sliders.flipped:
            return sliders
        parts = [each for way, each in self.smallest.items() if way != "sliders" and each.flipped]
        return min(parts, key=lambda each: each.size, default=None)


def study(
    stage: Stage,
    readers: Sequence[Reader],
    keeper: Reader | None = None,
    *,
    sliders: Sequence[str] = (),
    ways: Sequence[str] = ("blur", "fill"),
    look: str = "natural",
    watch: Watch | None = None,
) -> Study:
    """Curves of every slider and the smallest changes, for one or two readers that all have to flip.

    sliders: those that may be moved, all when none is named. ways: how parts are changed, of `changes.WAYS`. A slider
    that cannot be moved on this face (makeup on a profile) is left out with its reason. Raises BadRequest for no
    reader, for more than two, and for names that do not exist; Cancelled.
    """
    if not 1 <= len(readers) <= MOST_READERS:
        raise BadRequest(f"Choose one or two models to ask, got {len(readers)}.")
    watch = watch or Watch()
    names = movable(stage, sliders)
    before = tuple(reader.read([stage.rest])[0] for reader in readers)
    curves, left_out = _curves(stage, readers, keeper, names, look, watch.part(0, 0.5))
    found: dict[str, Smallest | None] = {
        "sliders": smallest_sliders(stage, readers, names, look, keeper, watch.part(0.5, 0.8), curves)
    }
    for way in ways:
        check_way(way)
        found[way] = smallest_parts(stage, readers, way, keeper, watch.part(0.8, 1.0))
    if not all(np.isfinite(each.margin) for each in before):
        left_out.append("smallest change: what is asked is a number, which has no decision to flip")
    elif not stage.parsed:
        left_out.append("smallest change by parts: the face was not parsed")
    there = {way: each for way, each in found.items() if each is not None}
    return Study(stage.image, tuple(r.name for r in readers), before, tuple(curves), there, tuple(left_out))


def _curves(
    stage: Stage, readers: Sequence[Reader], keeper: Reader | None, names: Sequence[str], look: str, watch: Watch
) -> tuple[list[Curve], list[str]]:
    curves, left_out = [], []
    for place, name in enumerate(names):
        watch.tell(place / len(names), SLIDERS[name].title.lower())
        try:
            curves.append(curve(stage, readers, name, Change(look=look), keeper))
        except (BadRequest, FaceTooSmall) as error:
            left_out.append(f"{SLIDERS[name].title}: {error}")
    return curves, left_out


def sentence(found: Smallest, names: Sequence[str], way: str) -> str:
    """What a smallest change does, in words a person acts on."""
    told = "; ".join(
        f"{name}: {b.says} ({b.score:.2f}) → {a.says} ({a.score:.2f})"
        for name, b, a in zip(names, found.before, found.after, strict=True)
    )
    size = f"{found.size:.0%} of a slider's way" if way == "sliders" else f"{found.size:.1%} of the picture"
    start = f"{found.change.words()} ({size}, {found.tried} tried)"
    kept = "" if found.keeper is None else f" {identity(found.keeper)}"
    if not found.flipped:
        return f"Nothing tried flips it; nearest: {start}. {told}.{kept}"
    return f"{start}. {told}.{kept}"


def identity(reading: Reading) -> str:
    """What a move does to who it is taken for."""
    if not np.isfinite(reading.margin):
        return "Identity: this recogniser has no threshold."
    word = "still the same person" if reading.margin >= 0 else "taken for somebody else"
    return f"Identity: {word} ({reading.score:.2f}, margin {reading.margin:+.2f})."


def as_json(found: Study) -> bytes:
    """Every number, indented. NaN is null."""
    record = {
        "asked": list(found.names),
        "before": [_reading(each) for each in found.before],
        "curves": [
            {
                "slider": each.slider.name,
                "at": each.at.round(4).tolist(),
                "scores": _plain(each.scores),
                "margins": _plain(each.margins),
                "identity_margin": _plain(each.kept),
                "flips": [[round(at, 4) for at in each.flips(n)] for n in range(len(found.names))],
            }
            for each in found.curves
        ],
        "smallest": {way: _smallest(each) for way, each in found.smallest.items()},
        "left_out": list(found.left_out),
        "not_possible": OUT_OF_REACH,
    }
    return (json.dumps(record, indent=2, allow_nan=False) + "\n").encode()


def _smallest(found: Smallest) -> dict[str, Any]:
    return {
        "flips": found.flipped,
        "values": {name: round(value, 4) for name, value in found.change.values.items()},
        "parts": list(found.change.parts) if found.change.value("part") else [],
        "way": found.change.way,
        "look": found.change.look,
        "size": round(found.size, 4),
        "after": [_reading(each) for each in found.after],
        "identity": None if found.keeper is None else _reading(found.keeper),
        "tried": found.tried,
    }


def _reading(each: Reading) -> dict[str, Any]:
    return {"score": round(each.score, 5), "margin": _plain(np.array(each.margin)), "says": each.says}


def _plain(values: np.ndarray) -> Any:
    rounded = np.array(np.round(values, 5), dtype=object)
    rounded[~np.isfinite(values)] = None
    return rounded.tolist()
