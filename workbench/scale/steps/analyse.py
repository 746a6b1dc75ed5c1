"""Everything the faces of a photo show: a row per face, and files of points beside them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from workbench.bench import Workbench
from workbench.errors import BadRequest
from workbench.photo import Found, Photo
from workbench.scale.step import Outcome, Step, Work
from workbench.scale.steps.faces import photo_and_faces
from workbench.watch import Watch

SUFFIXES = {
    "json": ".analysis.json",
    "pts": ".pts.zip",
    "wflw": ".wflw.txt",
    "openface": ".openface.csv",
    "coco": ".coco.json",
}
"""What can be written beside the table, by name."""

COLUMNS = (
    "face", "score", "left", "top", "width", "height", "yaw", "pitch", "roll", "gaze_yaw", "gaze_pitch",
    "gaze_in_head_yaw", "gaze_in_head_pitch", "eyes_apart", "eye_open_image_left", "eye_open_image_right", "mouth_open",
    "brow_raise", "brows_apart", "lip_corner_pull", "mouth_width", "jaw_drop", "expression", "certainty",
)  # fmt: skip
LAST = (
    "age", "gender_female", "gender_male", "quality", "quality_score", "quality_size", "quality_sharpness",
    "quality_light", "quality_contrast", "quality_inside", "quality_covered", "quality_words", "untold",
)  # fmt: skip


def settle(bench: Workbench, options: Mapping[str, Any]) -> Step:
    """options: finder, expression ("" for none), more (ids), write (names of `SUFFIXES`). Raises BadRequest."""
    from workbench.tasks.analysis import can_say_more

    finder = bench.spec(str(options.get("finder") or bench.first("detection").id), "detection")
    expression = bench.spec(str(options["expression"]), "expression").id if options.get("expression") else ""
    more = [can_say_more(bench, str(model_id)) for model_id in options.get("more", ())]
    write = list(dict.fromkeys(options.get("write", ())))
    if unknown := sorted(set(write) - set(SUFFIXES)):
        raise BadRequest(f"write: expected names of {', '.join(SUFFIXES)}, got {unknown[0][:40]!r}.")
    settled = {"finder": finder.id, "expression": expression, "more": [spec.id for spec in more], "write": write}
    labels = bench.spec(expression).labels or bench.expression(expression).labels if expression else ()
    networks = [f"network_{spec.id.replace('-', '_')}" for spec in more if spec.task == "quality"]
    columns = (*COLUMNS, *(f"expression_{label}" for label in labels), *LAST, *networks)
    parser = bench.first("parsing").id
    models = (finder.id, *([expression] if expression else []), parser, "age", "gender", *settled["more"])
    files = tuple(SUFFIXES[name] for name in write)
    return Step("analyse", settled, models, columns, lambda bench: _open(bench, settled, columns), files)


def _open(bench: Workbench, options: Mapping[str, Any], columns: Sequence[str]) -> Work:
    from workbench.tasks.analysis import analyse, export, settled

    finder = bench.finder(options["finder"])
    parser = bench.first("parsing").id
    readers = settled(bench, expression=options["expression"], parser=parser, more=options["more"])

    def work(name: str, data: bytes, watch: Watch) -> Outcome:
        image, faces = photo_and_faces(data, finder, bench.settings)
        watch.check()
        found = analyse(Found(Photo(image, name), faces), readers)
        rows = tuple({key: value for key, value in export.row(one).items() if key in columns} for one in found)
        last, size = PurePosixPath(name).name, (image.shape[1], image.shape[0])
        texts: dict[str, Callable[[], str | bytes]] = {
            "json": lambda: export.as_json(last, size, found),
            "pts": lambda: export.pts_zip(PurePosixPath(name).stem, found),
            "wflw": lambda: export.wflw(last, found),
            "openface": lambda: export.openface(found),
            "coco": lambda: export.coco(last, size, found),
        }
        made = {SUFFIXES[kind]: texts[kind]() for kind in options["write"]}
        return Outcome(rows, {suffix: _bytes(text) for suffix, text in made.items()})

    return work


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
