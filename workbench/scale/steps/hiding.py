"""A photo whose faces are blurred, in blocks, covered or replaced by drawn ones, and searched again: what `protect
--anonymise` does."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.marks import kept
from workbench.photo import Found, Photo
from workbench.scale.step import Outcome, Step, Work
from workbench.scale.steps.faces import finder_id, photo_and_faces
from workbench.watch import Watch

if TYPE_CHECKING:
    from workbench.protection.hiding import Hidden
    from workbench.protection.replacing import Stage

DRAWN_COLUMNS = ("drawn", "drawn anew", "by mosaic", "why")
USUAL: dict[str, Any] = {"hide_strength": 1.0, "hide_shape": "ellipse", "hide_size": 1.0, "keep": None}


def hider(bench: Workbench, options: Mapping[str, Any]) -> Step:
    """options: anonymise (how), faces, "largest" or "all"; hide_strength, hide_shape, hide_size as `Manner`; keep: a
    recogniser and the vectors of people who stay visible. Raises BadRequest."""
    from workbench.protection.anonymise import SIZES
    from workbench.protection.hiding import SHAPES, WAYS
    from workbench.protection.replacing import DRAWN

    how, which = options["anonymise"], options.get("faces") or "all"
    if how not in WAYS:
        raise BadRequest(f"There is no anonymisation {str(how)[:40]!r}; expected one of {', '.join(WAYS)}.")
    asked = {name: options.get(name) for name in USUAL}
    wanted = {name: USUAL[name] if value is None else value for name, value in asked.items()}
    if wanted["hide_shape"] not in SHAPES:
        raise BadRequest(f"--hide-shape: expected one of {', '.join(SHAPES)}, got {str(wanted['hide_shape'])[:40]!r}.")
    for name, (low, high) in (("hide_strength", (0.25, 4.0)), ("hide_size", SIZES)):
        if not low <= wanted[name] <= high:
            raise BadRequest(f"--{name.replace('_', '-')}: expected {low:g} to {high:g}, got {wanted[name]}.")
    outline = wanted["hide_shape"] == "outline"
    parser = bench.first("parsing").id if outline else ""
    people = wanted["keep"] or {}
    lent = stage_models(bench) if how == DRAWN else ()
    needed = (finder_id(bench), parser, people.get("recogniser", ""), *lent)
    models = tuple(dict.fromkeys(name for name in needed if name))
    settled = {
        "anonymise": how,
        "faces": which,
        **{name: value for name, value in wanted.items() if value != USUAL[name]},
    }
    columns = ("outcome", "faces", "worked on", *(["kept"] if people else []), *(DRAWN_COLUMNS if lent else ()))
    judges = (*([people["recogniser"]] if people else []), *lent[2:])
    opens = partial(_open, how=how, which=which, wanted=wanted, parser=parser)
    return Step("protect", settled, models, columns, opens, (".jpg",), judges=judges)


def stage_models(bench: Workbench) -> tuple[str, ...]:
    """Ids of who draws, who tells what covers a face, and who judges: every calibrated recogniser here."""
    from workbench.protection.roles import calibrated_here

    judges = calibrated_here(bench.specs("recognition"), bench.available, bench.threshold)
    return (bench.first("generation").id, bench.first("parsing").id, *judges)


def stage(bench: Workbench) -> "Stage":
    """What replacing faces needs, of the models here. Raises ModelMissing, NoFace."""
    from workbench.protection.cast import cast
    from workbench.protection.replacing import Stage

    generator, parser, *judges = stage_models(bench)
    people = cast(bench.generator(generator), bench.finder(), bench.parser(parser))
    return Stage(people, bench.parser(parser), tuple(bench.recogniser(judge) for judge in judges))


def _open(bench: Workbench, how: str, which: str, wanted: Mapping[str, Any], parser: str) -> Work:
    from workbench.images import encode_jpeg
    from workbench.protection.hiding import Manner, hide
    from workbench.protection.replacing import DRAWN
    from workbench.tasks.parsing import parse

    strangers = _strangers(bench, wanted["keep"]) if wanted["keep"] else None
    lent = stage(bench) if how == DRAWN else None

    def work(name: str, data: bytes, watch: Watch) -> Outcome:
        image, faces = photo_and_faces(data, bench.finder(), bench.settings)
        found = Found(Photo(image), faces)
        numbers = [1] if which == "largest" else []
        if strangers is not None:
            numbers = [number for number in strangers(found) if not numbers or number in numbers]
        row = {"outcome": how, "faces": len(faces), "worked on": 0}
        if strangers is not None and not numbers:
            row |= {"outcome": "everybody kept", "kept": len(faces)}
            return Outcome((row,), {".jpg": kept(encode_jpeg(image, 92), data)})
        parsing = parse(image, bench.parser(parser), faces) if parser else None
        manner = Manner(how, wanted["hide_strength"], wanted["hide_size"], wanted["hide_shape"], parsing, lent)
        hidden = hide(found, numbers, bench.finder(), manner, unseen=strangers is not None and which == "all")
        row |= {"faces": len(faces) + hidden.added, "worked on": len(hidden.faces)}
        row |= {} if strangers is None else {"kept": len(faces) - len(numbers)}
        row |= {} if lent is None else _replaced(hidden)
        return Outcome((row,), {".jpg": hidden.file(data)})

    return work


def _replaced(hidden: "Hidden") -> dict[str, Any]:
    why = "; ".join(f"{reason} {count}" for reason, count in sorted(hidden.instead.items()))
    return dict(zip(DRAWN_COLUMNS, (hidden.drawn, hidden.again, sum(hidden.instead.values()), why), strict=True))


def _strangers(bench: Workbench, keep: Mapping[str, Any]) -> Callable[[Found], list[int]]:
    """From a photo to the numbers of the faces that are nobody's to keep."""
    from workbench.protection.reference import strangers
    from workbench.values import Embedding

    recogniser = bench.recogniser(str(keep["recogniser"]))
    vectors = [np.array(vector, np.float32) for vector in keep["people"]]
    people = [Embedding(vector, recogniser.metric, str(keep["recogniser"])) for vector in vectors]
    return lambda found: strangers(found, people, recogniser)
