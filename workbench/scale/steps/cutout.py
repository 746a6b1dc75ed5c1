"""A photo's person, hair or face cut out, before another background or none."""

from collections.abc import Mapping
from typing import Any

from workbench import images
from workbench.bench import Workbench
from workbench.errors import BadRequest, NoFace
from workbench.images import encode_jpeg
from workbench.marks import kept
from workbench.scale.step import Outcome, Step, Work
from workbench.scale.steps.faces import finder_id
from workbench.watch import Watch

COLUMNS = ("faces", "subject", "share", "mixed")
NUMBERS = {"grow": (-200, 200), "feather": (0, 200), "blur": (0, 0.2)}


def settle(bench: Workbench, options: Mapping[str, Any]) -> Step:
    """options: model; matte: who is in front, the first here where none is named; subject: "person",
    "hair" or "face"; grow, feather: pixels; background: "none", "blur" or "#rrggbb"; blur: in parts
    of the longer side."""
    from workbench.tasks.matting import SUBJECTS

    spec, subject = bench.spec(str(options["model"]), "parsing"), options.get("subject", "person")
    if subject not in SUBJECTS:
        raise BadRequest(f"subject: expected one of {', '.join(SUBJECTS)}, got {str(subject)[:40]!r}.")
    people = bench.spec(str(options.get("matte") or bench.first("matte").id), "matte")
    settled: dict[str, Any] = {
        "model": spec.id,
        "matte": people.id,
        "subject": subject,
        "background": options.get("background", "none"),
    }
    for name, (low, high) in NUMBERS.items():
        value = options.get(name, 0.03 if name == "blur" else 0)
        if not isinstance(value, (int, float)) or not low <= value <= high:
            raise BadRequest(f"{name}: expected {low} to {high}, got {str(value)[:20]}.")
        settled[name] = value
    _check_background(settled["background"])
    suffix = ".png" if settled["background"] == "none" else ".jpg"
    models = (spec.id, finder_id(bench), people.id)
    return Step("cutout", settled, models, COLUMNS, lambda bench: _open(bench, settled), (suffix,))


def _check_background(word: Any) -> None:
    coloured = isinstance(word, str) and len(word) == 7 and word.startswith("#") and word[1:].isalnum()
    if word not in ("none", "blur") and not coloured:
        raise BadRequest(f"background: expected none, blur or a colour as #rrggbb, got {str(word)[:20]!r}.")


def _open(bench: Workbench, asked: Mapping[str, Any]) -> Work:
    from workbench.tasks import cutout
    from workbench.tasks.detection import find_faces
    from workbench.tasks.matting import matte
    from workbench.tasks.parsing import parse

    finder, parser, people = bench.finder(), bench.parser(str(asked["model"])), bench.matte(str(asked["matte"]))

    def work(name: str, data: bytes, watch: Watch) -> Outcome:
        image = images.decode(data, bench.settings)
        faces = find_faces(image, finder)
        if not faces:
            raise NoFace("no face was found")
        alpha = matte(image, parse(image, parser, faces), people, str(asked["subject"]))
        cut = cutout.cut_out(image, alpha, asked["grow"], asked["feather"])
        mixed = float(((cut.alpha > 0.02) & (cut.alpha < 0.98)).mean())
        row = {"faces": len(faces), "subject": asked["subject"], "share": round(float(cut.alpha.mean()), 4)}
        row["mixed"] = round(mixed, 4)
        if asked["background"] == "none":
            return Outcome((row,), {".png": kept(cutout.transparent_png(cut), data)})
        blurred = asked["background"] == "blur"
        seen = (
            cutout.before_blur(cut, image, asked["blur"]) if blurred else cutout.before_colour(cut, asked["background"])
        )
        return Outcome((row,), {".jpg": kept(encode_jpeg(seen, 94), data)})

    return work
