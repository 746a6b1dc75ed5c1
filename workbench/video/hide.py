"""Hides faces in a clip and does not believe it: what was written is searched again; a face found there fails the run.

Three passes: every picture is looked through, faces are followed forward and backward in time, and pieces are written
and searched again until nobody is found in them. Knows finders and recognisers only as arguments.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workbench.batch.files import held, make_folder
from workbench.batch.record import Record
from workbench.detections import Detections
from workbench.errors import BadRequest
from workbench.protection.replacing import DRAWN, Stage
from workbench.protection.replacing import told as told_instead
from workbench.tasks.face_search import FaceFinder
from workbench.video import keeping
from workbench.video.casting import Casting, casting
from workbench.video.clip import Clip
from workbench.video.covering import Spot, spots
from workbench.video.keeping import Keep, kept
from workbench.video.passing import Countdown
from workbench.video.reading import frames
from workbench.video.seeing import Eyes
from workbench.video.segment import Segment, Wish
from workbench.video.shelf import Shelf, Vectors
from workbench.video.standing_in import Lent
from workbench.video.tracks import Track, follow
from workbench.video.writing import join
from workbench.watch import Watch

SEGMENT = 150
"""Pictures of a segment: what is lost when a run is stopped, and what is written again when a face is found in it."""


@dataclass(frozen=True, slots=True, eq=False)
class HiddenClip:
    """A written clip in which nobody who was to be hidden is found.

    path: the file. frames: its pictures. times: when each is shown, in units of the clip that was read. tracks: faces
    followed, some of one person. kept: of these left visible. spots: faces × pictures hidden. added: of these only the
    second search found. stronger, covered: of these hidden more than was asked, and by one colour. drawn: of these
    replaced by drawn faces; instead: hidden by a mosaic because none fitted, by reason.
    """

    path: Path
    frames: int
    times: tuple[int, ...]
    tracks: int
    kept: int
    spots: int
    added: int
    stronger: int
    covered: int
    drawn: int = 0
    instead: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def words(self) -> str:
        """What was done, as sentences."""
        if not self.spots and not self.kept:
            return f"No face was found in {self.frames:,} pictures; the written clip was searched again."
        said = f"{self.frames:,} pictures: {self.spots:,} faces hidden along {_tracks(self.tracks - self.kept)}"
        said += f", {_tracks(self.kept)} left visible" if self.kept else ""
        more = [
            f" {self.added:,} only the second search found." if self.added else "",
            f" {self.stronger:,} needed more strength than asked" if self.stronger else "",
            f", {self.covered:,} of them were covered by one colour" if self.covered else "",
            "." if self.stronger else "",
            f" {self.drawn:,} replaced by drawn faces, whom no recogniser here takes for the person in any picture."
            * bool(self.drawn),
            told_instead(self.instead),
        ]
        return (
            f"{said}. The written clip was searched again, picture by picture: no hidden face is found.{''.join(more)}"
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What the first pass found: times, candidates by picture, vectors."""

    times: list[int]
    found: list[Detections]
    vectors: Vectors


def hide(
    clip: Clip,
    out: Path,
    eyes: Eyes,
    wish: Wish = Wish(),  # noqa: B008 - a frozen value
    keep: Keep | None = None,
    watch: Watch = Watch(),  # noqa: B008
    record: Record | None = None,
    stage: Stage | None = None,
) -> HiddenClip:
    """Write the clip with every face hidden to `out` (.mp4), beside a folder of finished segments until it is whole.

    record: what decides the result; a folder begun with the same one is gone on with. stage: who is drawn and who
    judges, for drawn faces, with eyes that look thoroughly. Raises FacesLeft, naming the pictures, when a face can
    still be found in what was written (nothing is saved then), BadVideo, BadRequest, CannotWrite, Cancelled (the
    finished segments stay).
    """
    if wish.kind == DRAWN and (stage is None or eyes.thorough is None):
        raise BadRequest("Drawn faces need people to draw and recognisers that judge; expected a stage, got none.")
    work = out.with_name(f"{out.stem}.parts")
    make_folder(out.parent)
    with held(out):
        shelf = Shelf(
            work, record or Record("hide-video", str(clip.path), {"kind": wish.kind, "strength": wish.strength})
        )
        seen = _looked_through(
            clip, eyes, keep, shelf, Countdown(watch.part(0.0, 0.45), "looking for faces", clip.frames)
        )
        seconds = np.array(seen.times, np.float64) * float(clip.base)
        tracks = follow(seen.found, seconds, part_at_meetings=keep is not None)
        shown = kept(tracks, seen.vectors, seen.found, keep) if keep else set()
        lent, cast = None, Casting({}, {})
        if wish.kind == DRAWN and stage is not None and eyes.thorough is not None:
            hidden = [track for track in tracks if track.name not in shown]
            cast = _cast(clip, hidden, seen.times, stage, eyes.thorough, shelf, watch)
            lent = Lent(stage, eyes.thorough, cast.reasons)
        told = Countdown(watch.part(0.5, 0.98), "hiding and searching again", len(seen.times))
        accounts = _written(clip, tracks, shown, seen.times, seconds, eyes, wish, shelf, told, cast, lent)
        pieces = [shelf.piece(segment) for segment in range(len(accounts))]
        draft = work / "whole.mp4"
        notes = join(draft, pieces, seen.times, clip, wish.sound)
        draft.replace(out)
        shelf.clear()
    summed = {name: sum(each[name] for each in accounts) for name in ("spots", "added", "stronger", "covered", "drawn")}
    instead: Counter[str] = sum((Counter(each["instead"]) for each in accounts), Counter())
    return HiddenClip(
        out, len(seen.times), tuple(seen.times), len(tracks), len(shown), instead=instead,
        notes=(*clip.notes, *notes), **summed,
    )  # fmt: skip


def _cast(
    clip: Clip, tracks: Sequence[Track], times: list[int], stage: Stage, finder: FaceFinder, shelf: Shelf, watch: Watch
) -> Casting:
    """Who is drawn for whom; not settled again when a run before this one did."""
    known = shelf.kept("cast")
    if known is not None:
        return Casting.read(known)
    found = casting(clip, tracks, times, stage, finder, Countdown(watch.part(0.45, 0.5), "choosing faces", len(times)))
    shelf.keep("cast", found.told())
    return found


def _looked_through(clip: Clip, eyes: Eyes, keep: Keep | None, shelf: Shelf, told: Countdown) -> _Seen:
    """The first pass; segments that were looked through before are not again."""
    seen = _Seen([], [], {})
    segment = 0
    while (before := shelf.seen(segment)) is not None:
        _add(seen, *before)
        segment += 1
    if segment and len(seen.times) < segment * SEGMENT:
        return seen  # its last segment was a short one: the clip's end
    fresh = _Seen([], [], {})
    for frame in frames(clip, len(seen.times), None, seen.times):
        told.tell(frame.number)
        found = eyes.look(frame.image, frame.number)
        if keep is not None and frame.number % keeping.EVERY == 0:
            asked = keep.ask(frame.image, found)
            fresh.vectors.update({(frame.number, place): vector for place, vector in asked.items()})
        fresh.times.append(frame.time)
        fresh.found.append(found)
        if len(fresh.times) == SEGMENT:
            segment = _put_down(seen, fresh, segment, shelf)
            fresh = _Seen([], [], {})
    if fresh.times:
        _put_down(seen, fresh, segment, shelf)
    return seen


def _put_down(seen: _Seen, fresh: _Seen, segment: int, shelf: Shelf) -> int:
    shelf.keep_seen(segment, fresh.times, fresh.found, fresh.vectors)
    _add(seen, fresh.times, fresh.found, fresh.vectors)
    return segment + 1


def _add(seen: _Seen, times: list[int], found: list[Detections], vectors: Vectors) -> None:
    seen.times.extend(times)
    seen.found.extend(found)
    seen.vectors.update(vectors)


def _written(
    clip: Clip,
    tracks: Sequence[Track],
    shown: set[int],
    times: list[int],
    seconds: np.ndarray,
    eyes: Eyes,
    wish: Wish,
    shelf: Shelf,
    told: Countdown,
    cast: Casting,
    lent: Lent | None,
) -> list[dict[str, Any]]:
    """The second pass: every segment written and searched again; what was done with each."""
    accounts = []
    for segment, start in enumerate(range(0, len(times), SEGMENT)):
        stop = min(start + SEGMENT, len(times))
        account = shelf.account(segment)
        if account is None:
            plans = [
                _plan([t for t in tracks if (t.name in shown) is kept], seconds, start, stop, wish, cast)
                for kept in (False, True)
            ]
            work = Segment(clip, start, stop, times, eyes, wish, shelf.draft(segment), seconds, lent)
            account = work.hidden(plans[0], {n: [spot.face for spot in each] for n, each in plans[1].items()}, told)
            shelf.finish(segment, account)
        accounts.append(account)
        told.tell(stop)
    return accounts


def _plan(
    tracks: Sequence[Track], seconds: np.ndarray, start: int, stop: int, wish: Wish, cast: Casting
) -> dict[int, list[Spot]]:
    plan: dict[int, list[Spot]] = {number: [] for number in range(start, stop)}
    for track in tracks:
        person = cast.numbers.get(track.name)
        for number, spot in spots(track, seconds, start, stop, wish.strength, person).items():
            plan[number].append(spot)
    return plan


def _tracks(count: int) -> str:
    return f"{count} track" + "s" * (count != 1)
