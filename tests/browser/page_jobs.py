"""The real job of every tab, as data: what a person gives, presses, changes and takes home.

What `walk.py`, `page_states.py` and the browser tests go through, with the files that they and `transcripts.py` hand
over; not a test itself. Everything on the page is named by the `elem_id` of its part.
"""

import io
import os
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

EXAMPLE = "an example"
NEW = f"{time.time():.0f}"
"""No study has this name yet."""
TOKEN = os.environ.get("WORKBENCH_OWNER_TOKEN", "")
"""The owner's, when the workbench has one: a pair study is then kept."""


@dataclass(frozen=True, slots=True)
class Job:
    """One sub-tab's job. given: a part and the kind of file it takes, or `EXAMPLE`, by id. consent, start, change,
    file: the box to tick, the button, a setting and a download, "" where there is none. state: stem of the line that
    tells how it went. words: fields and what is typed there. before: the sub-tab whose job comes first.
    steps: a part and the keys that are pressed there (or, after a `=`, what is typed), instead of a start. found: what
    shows in the end where no line tells. In steps and found are selectors; file may be one. on: how far down a menu
    the changed choice is."""

    tab: str
    sub: str
    state: str = ""
    given: dict[str, str] = field(default_factory=dict)
    start: str = ""
    change: str = ""
    file: str = ""
    consent: str = ""
    words: dict[str, str] = field(default_factory=dict)
    before: str = ""
    steps: tuple[tuple[str, str], ...] = ()
    found: str = ""
    on: int = 1

    @property
    def name(self) -> str:
        """As in the address."""
        return f"{self.tab}/{self.sub}" if self.sub else self.tab


JOBS = (
    Job("parsing", "one-photo", "parsing", {"parsing-photo": EXAMPLE}, "", "parsing-model", "parsing-palette"),
    Job(
        "parsing",
        "correct",
        file="correct-palette",
        before="one-photo",
        steps=(("#correct-editor .me-stage", "ArrowRight Enter"), ("#correct-editor .me-use", "Enter")),
    ),
    Job("parsing", "cut-out", "cutout", {}, "cutout-start", "cutout-subject", "cutout-saved", before="one-photo"),
    Job("parsing", "compare-models", "compare", {"compare-photo": EXAMPLE}, "compare-start", "compare-second", on=2),
    Job("parsing", "many-photos", "many", {"many-photos": "photos"}, "many-start", "many-model", "many-zip"),
    Job("analysis", "photo", "analysis", {"analysis-photo": EXAMPLE}, "", "analysis-expression", "analysis-csv"),
    Job("analysis", "clip", "clip", {"clip-source": "clip"}, "clip-start", "clip-every", "clip-csv"),
    Job(
        "analysis",
        "camera",
        steps=(("#live-camera button", "Enter"), ("#live-camera .button-wrap button", "Enter")),
        found="#live-faces img",
    ),
    Job(
        "explanation",
        "one-face",
        "explain",
        {"explain-photo": EXAMPLE},
        "explain-start",
        "explain-target",
        "explain-png",
    ),
    Job("explanation", "what-if", "whatif", {"whatif-photo": EXAMPLE}, "whatif-start", "whatif-label", "whatif-json"),
    Job(
        "explanation",
        "why-do-these-two-match",
        "pair",
        {"pair-0": "photo", "pair-1": "photo"},
        "pair-start",
        "pair-method",
    ),
    Job("explanation", "methods-models", "grid", {"grid-photo": "photo"}, "grid-start", "grid-label"),
    Job("explanation", "many-faces", "global", {"global-photos": "photos"}, "global-start", "global-label"),
    Job("explanation", "slices", "slices", {"slices-photo": "drawn"}, "slices-start", "slices-method", "slices-page"),
    Job(
        "generation",
        "re-pose",
        "repose",
        {"repose-photo": EXAMPLE},
        "repose-make",
        "repose-smile",
        "repose-png",
        "repose-consent",
    ),
    Job(
        "generation",
        "portraits",
        "generate",
        {"generate-references": EXAMPLE},
        "generate-start",
        "generate-count",
        "generate-zip",
        "generate-consent",
    ),
    Job(
        "generation",
        "likeness",
        "likeness",
        {"likeness-zip": "drawn", "likeness-references": "photo"},
        "likeness-start",
        "likeness-keep",
        "likeness-report",
        "likeness-consent",
    ),
    Job(
        "generation",
        "mix-two-people",
        "mix",
        {"mix-first": "photo", "mix-second": "photo"},
        "mix-start",
        "mix-count",
        "mix-zip",
        "mix-consent",
    ),
    Job("generation", "new-identities", "new", {}, "new-start", "new-count", "new-zip"),
    Job(
        "generation",
        "pair-study",
        "study",
        {},
        "study-start",
        "study-name",
        "study-zip",
        words={"study-name": f"walked-{NEW}", "study-people": "2", "study-pictures": "2", "study-token": TOKEN},
    ),
    Job(
        "protection",
        "makeup-that-protects",
        "protect",
        {"protect-photo": EXAMPLE},
        "protect-start",
        "protect-strength",
        "protect-jpeg",
    ),
    Job(
        "protection",
        "blur-mosaic-silhouette",
        "plain",
        {"plain-photo": EXAMPLE},
        "plain-start",
        "plain-kind",
        "plain-jpeg",
    ),
    Job(
        "protection",
        "hide-in-video",
        "hide-video",
        {"hide-video-clip": "clip"},
        "hide-video-start",
        "hide-video-kind",
        "hide-video-file",
    ),
    Job(
        "protection",
        "many-photos",
        "protect-many",
        {"protect-many-photos": "photo"},
        "protect-many-start",
        "protect-many-look",
        "protect-many-zip",
    ),
    Job(
        "protection",
        "protected-elsewhere",
        "elsewhere",
        {"elsewhere-before": "photo", "elsewhere-after": "photo"},
        "elsewhere-start",
    ),
    Job(
        "evaluation",
        "models",
        "evaluation",
        {"evaluation-zip": "masks"},
        "evaluation-start",
        "evaluation-kind",
        "evaluation-report",
    ),
    Job(
        "evaluation",
        "people-in-a-folder",
        "people",
        {"people-zip": "drawn"},
        "people-start",
        "people-model",
        "people-page-file",
    ),
    Job(
        "labeling",
        "judge",
        steps=(
            ("#labeling-judge [data-part=age]", "Space"),
            ("#labeling-judge [data-do=agree]", "Enter"),
            ("#labeling-judge .judge[data-shown]:not([data-shown='']) [data-answer]", "Enter"),
            ("#labeling-judge [data-do=undo]", "Enter"),
        ),
        found="#labeling-judge [data-answer].before",
    ),
    Job(
        "labeling",
        "owner",
        steps=(
            ("#labeling-owner [data-part=token]", f"={TOKEN}"),
            ("#labeling-owner [type=submit]", "Enter"),
            ("#labeling-owner [data-do=show]", "Enter"),
        ),
        found="#labeling-owner iframe[data-part=report]",
        file="#labeling-owner [data-export=csv]",
    ),
    Job(
        "models",
        "",
        steps=(
            ("#models-cards [name=words]", "=compact"),
            ("#models-cards [name=here]", "Space"),
            ("#tab-models button.label-wrap", "Enter"),
            ("#tab-models [role=combobox]", "ArrowDown ArrowDown Enter"),
        ),
        found="#tab-models .prose h1",
    ),
)


def files(folder: Path) -> dict[str, list[str]]:
    """Small files of every kind that a job gives, made of the pictures shipped here, under `folder`; the masks, which
    take seconds, are not made again."""
    import cv2
    from skimage.data import astronaut

    folder.mkdir(parents=True, exist_ok=True)
    whole = np.asarray(astronaut())
    photos = []
    for number in range(3):
        photos.append(str(folder / f"portrait-{number + 1}.png"))
        Image.fromarray(whole[: 512 - 24 * number, 8 * number :]).save(photos[-1])
    clip = str(folder / "clip.mp4")
    writer = cv2.VideoWriter(clip, cv2.VideoWriter.fourcc(*"mp4v"), 10, (320, 320))
    for step in range(12):
        writer.write(cv2.resize(whole[:400, 40 + step : 440 + step, ::-1], (320, 320)))
    writer.release()
    zips = {name: str(folder / f"{name}.zip") for name in ("masks", "drawn")}
    zipped(Path(zips["drawn"]), photos)
    if not Path(zips["masks"]).exists():
        _mask_zip(Path(zips["masks"]), photos)
    return {"photo": photos[1:2], "photos": photos, "clip": [clip], "masks": [zips["masks"]], "drawn": [zips["drawn"]]}


def zipped(path: Path, photos: list[str]) -> str:
    """Photos of somebody as a zip with a folder per person; its path."""
    with zipfile.ZipFile(path, "w") as people:
        for photo in photos:
            people.write(photo, f"someone/{Path(photo).name}")
    return str(path)


def saved_mask(photo: Path, path: Path) -> Path:
    """A part map of a photo as the Correct tab saves it."""
    Image.fromarray(_labels([_pixels(photo)])[0]).save(path)
    return path


def _mask_zip(path: Path, photos: list[str]) -> None:
    """Photos and the masks that the default parser finds, as the Evaluation tab takes them."""
    pictures = [_pixels(name) for name in photos]
    with zipfile.ZipFile(path, "w") as archive:
        for name, image, labels in zip(photos, pictures, _labels(pictures), strict=True):
            for inside, picture in ((f"images/{Path(name).stem}.jpg", image), (f"masks/{Path(name).stem}.png", labels)):
                stream = io.BytesIO()
                Image.fromarray(picture).save(stream, "JPEG" if inside.endswith("jpg") else "PNG")
                archive.writestr(inside, stream.getvalue())


def _pixels(photo: str | Path) -> np.ndarray:
    return np.asarray(Image.open(photo).convert("RGB"))


def _labels(pictures: list[np.ndarray]) -> list[np.ndarray]:
    """The part map of each picture by the default parser."""
    from workbench.bench import Workbench
    from workbench.tasks.detection import find_faces
    from workbench.tasks.parsing import parse

    bench = Workbench.from_env()
    parser, finder = bench.parser("compact"), bench.finder()
    return [parse(image, parser, find_faces(image, finder)).labels for image in pictures]
