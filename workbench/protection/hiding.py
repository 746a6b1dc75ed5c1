"""Hides faces and does not believe it: the saved file is searched again, and a face that is still found fails the run.

Knows the finder and the plain ways to hide; drawn faces, and the recognisers that judge them, are asked in `replacing`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from workbench.detections import overlap
from workbench.errors import BadRequest, FacesLeft
from workbench.images import encode_jpeg
from workbench.marks import EDITED, in_jpeg, kept
from workbench.photo import Found
from workbench.protection.anonymise import KINDS, anonymise
from workbench.protection.judge import opened
from workbench.protection.replacing import DRAWN, INSTEAD, Stage, counted, painted, stand_ins, still_known, told
from workbench.tasks.detection import find_faces
from workbench.tasks.face_search import FaceFinder
from workbench.values import Face, Parsing

ROUNDS = 4
"""How often the saved photo is searched before it counts as not hidden."""
STRONGEST = 4.0
SAME = 0.3
"""Intersection over union from which a face that is found again is the one that was hidden."""
LEAST = 0.15
"""Share of a face's square that its outline must cover, or else it is hidden by the ellipse."""

WAYS = (*KINDS, DRAWN)
"""The plain ways, or a drawn face instead."""
SHAPES = ("ellipse", "outline")
"""An ellipse around the detector's box; or what a parser takes for the face, hair and neck left as they are."""
OUTLINED = (
    *("skin", "nose", "eyeglasses", "image_right_eye", "image_left_eye", "image_right_brow", "image_left_brow"),
    *("mouth", "upper_lip", "lower_lip"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Manner:
    """How faces are hidden. kind, strength, size: as `anonymise`. shape: of `SHAPES`; an outline needs `parsing`, whose
    faces are those of the photo in their order. "drawn" needs a `stage`; what it cannot replace is hidden by a mosaic
    of this strength, size and shape. Raises BadRequest."""

    kind: str = "blur"
    strength: float = 1.0
    size: float = 1.0
    shape: str = "ellipse"
    parsing: Parsing | None = None
    stage: Stage | None = None

    def __post_init__(self) -> None:
        if self.kind == DRAWN and self.stage is None:
            raise BadRequest("Drawn faces need people to draw and recognisers that judge; expected a stage, got none.")
        if self.shape not in SHAPES:
            raise BadRequest(f"There is no shape {str(self.shape)[:40]!r}; expected one of {', '.join(SHAPES)}.")
        if self.shape == "outline" and self.parsing is None:
            raise BadRequest("The exact outline needs a parser; none is on this machine. Choose ellipse.")

    def masks(self, faces: Sequence[Face]) -> dict[Face, np.ndarray]:
        """Outlines, (H, W) bool, by face; none for an ellipse, nor for a face in which the parser saw no skin."""
        if self.shape == "ellipse" or self.parsing is None:
            return {}
        found = {}
        for number, face in enumerate(faces, start=1):
            mask = np.logical_or.reduce([self.parsing.mask(part, number) for part in OUTLINED])
            if mask.sum() >= LEAST * face.size**2:
                found[face] = mask
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Hidden:
    """A photo whose faces were hidden and are not found any more.

    data: the JPEG. image: its pixels, (H, W, 3) uint8. faces: the hidden ones, those of the photo first, then those
    that only the second search found. stronger: how many needed more strength than was asked. drawn: how many were
    replaced by drawn faces; again: how often somebody else had to be drawn; instead: how many were hidden by a mosaic
    because no drawn face fitted, by reason.
    """

    data: bytes
    image: np.ndarray
    faces: tuple[Face, ...]
    added: int
    stronger: int
    drawn: int = 0
    again: int = 0
    instead: Mapping[str, int] = field(default_factory=dict)

    def file(self, photo: bytes | str) -> bytes:
        """The JPEG with the mark of what it is: put together with drawn faces, or what it inherits from the photo (its
        file, or the source type that it named)."""
        return in_jpeg(self.data, EDITED) if self.drawn else kept(self.data, photo)

    def words(self, total: int) -> str:
        """How many faces were found and hidden, as sentences. total: how many the first search found."""
        said = f"{total + self.added} found, {len(self.faces)} hidden; the saved photo was searched again."
        more = f" {self.added} of them only the second search found." if self.added else ""
        strong = f" {self.stronger} needed more strength than asked." if self.stronger else ""
        drawn = (
            f" {self.drawn} replaced by drawn faces that no recogniser here takes for the person" if self.drawn else ""
        )
        again = f" (drawn anew {self.again} times)" if self.again else ""
        return said + more + strong + drawn + (again + "." if drawn else "") + told(self.instead)


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """What stays the same from search to search. masks: (H, W) bool outlines by face. quality: of the JPEG. everyone:
    hide what only a search finds as well."""

    finder: FaceFinder
    manner: Manner
    masks: Mapping[Face, np.ndarray]
    quality: int
    everyone: bool


def hide(
    found: Found,
    numbers: Sequence[int],
    finder: FaceFinder,
    manner: Manner | str = "blur",
    strength: float = 1.0,
    quality: int = 92,
    *,
    unseen: bool = False,
) -> Hidden:
    """The photo with these faces hidden (by number; none: every one), saved as JPEG and searched again.

    manner: how, or only the kind, with `strength`. A face that is still found is hidden more strongly, and at last by
    the ellipse; when every face is to be hidden, or with `unseen`, faces that only the second search finds are hidden
    too. Raises FacesLeft when one can still be found after that, BadRequest as `anonymise`.
    """
    manner = manner if isinstance(manner, Manner) else Manner(manner, strength)
    chosen = [found.face(number) for number in dict.fromkeys(numbers)] or list(found.faces)
    others = [face for face in found.faces if not any(face is mine for mine in chosen)]
    masks = manner.masks(found.faces)
    search = _Search(finder, manner, masks, quality, everyone=unseen or len(chosen) == len(found.faces))
    if manner.kind == DRAWN:
        return _drawn(found.image, chosen, others, search)
    return _searched(found.image, chosen, others, search)


def _drawn(image: np.ndarray, chosen: Sequence[Face], others: Sequence[Face], search: _Search) -> Hidden:
    """With drawn faces as far as they fit, the rest by a mosaic; whom a recogniser still knows in the saved file gets
    another one."""
    stage, plain = search.manner.stage, replace(search, manner=replace(search.manner, kind=INSTEAD))
    assert stage is not None
    ones = stand_ins(image, chosen, stage, search.quality)
    while True:
        rest = [one.face for one in ones if one.person is None]
        known = [*others, *(one.face for one in ones if one.person is not None)]
        hidden = _searched(painted(image, ones), rest, known, plain)
        left = still_known(hidden.image, ones, stage, search.finder)
        if not left:
            break
        for one in left:
            one.next()
    drawn = sum(one.person is not None for one in ones)
    again = sum(max(one.tried - 1, 0) for one in ones if one.person is not None)
    faces = (*chosen, *hidden.faces[len(rest) :])
    return replace(hidden, faces=faces, drawn=drawn, again=again, instead=counted(ones))


def _searched(image: np.ndarray, asked: Sequence[Face], others: Sequence[Face], search: _Search) -> Hidden:
    """The photo with these faces hidden in a plain way, searched again until none is found but the others."""
    manner, masks, everyone = search.manner, search.masks, search.everyone
    chosen, strengths = list(asked), [float(manner.strength)] * len(asked)
    for _ in range(ROUNDS):
        data = encode_jpeg(_hidden(image, chosen, manner, strengths, masks), search.quality)
        saved = opened(data)
        left, new = _left(find_faces(saved, search.finder), chosen, others)
        if not left and not (everyone and new):
            stronger = sum(value > manner.strength for value in strengths)
            return Hidden(data, saved, tuple(chosen), len(chosen) - len(asked), stronger)
        masks = {face: mask for face, mask in masks.items() if not _is_strongest(face, chosen, strengths, left)}
        strengths = [min(2 * value, STRONGEST) if place in left else value for place, value in enumerate(strengths)]
        if everyone:
            chosen, strengths = [*chosen, *new], [*strengths, *[float(manner.strength)] * len(new)]
    raise FacesLeft(left=len(left) + len(new if everyone else ()), hidden=len(chosen) - len(left))


def _is_strongest(face: Face, chosen: Sequence[Face], strengths: Sequence[float], left: set[int]) -> bool:
    """Whether a face is still found though it is hidden as strongly as can be: then its outline was too narrow."""
    return any(chosen[place] is face and strengths[place] >= STRONGEST / 2 for place in left)


def _hidden(
    image: np.ndarray,
    faces: Sequence[Face],
    manner: Manner,
    strengths: Sequence[float],
    masks: Mapping[Face, np.ndarray],
) -> np.ndarray:
    for value in sorted(set(strengths)):
        same = [face for face, its in zip(faces, strengths, strict=True) if its == value]
        image = anonymise(image, same, manner.kind, value, manner.size, masks)
    return image


def _left(again: Sequence[Face], hidden: Sequence[Face], others: Sequence[Face]) -> tuple[set[int], list[Face]]:
    """Places in `hidden` of faces that are found again, and found faces that are none of those known. Whoever stays, or
    was drawn, is found where they lie: what only reaches into their face is somebody else's."""
    left: set[int] = set()
    new: list[Face] = []
    known = [*hidden, *others]
    boxes = np.stack([face.box for face in known])
    for face in again:
        shared = overlap(face.box, boxes)
        best = int(shared.argmax())
        centre = (face.box[:2] + face.box[2:]) / 2
        within = (boxes[best, :2] <= centre).all() and (centre <= boxes[best, 2:]).all()
        if shared[best] >= SAME or (best < len(hidden) and shared[best] > 0 and within):
            left |= {best} if best < len(hidden) else set()
        else:
            new.append(face)
    return left, new
