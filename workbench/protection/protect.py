"""Protects one face of a photo from recognisers: makeup, and under it tones that a search has found; then reads the
saved file again.

The search knows the surrogates only. Judges read the saved photo after everything is decided, and only they may say
protected.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from workbench import images
from workbench.errors import BadRequest
from workbench.makeup import looks as makeup
from workbench.makeup.canvas import SIDE
from workbench.makeup.looks import Look
from workbench.makeup.photo import on_photo
from workbench.protection import visibility as looks
from workbench.protection.colours import skin_change
from workbench.protection.fields import Bounds, ToneField
from workbench.protection.judge import Reader, name, opened, vectors
from workbench.protection.scene import Scene, make_scene
from workbench.protection.search import Plan, search
from workbench.protection.views import views
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser
from workbench.values import Embedding, Face, Parsing, Protection
from workbench.watch import Watch

Preview = Callable[[np.ndarray], None]

QUALITY = 92
"""Of the saved JPEG."""


@dataclass(frozen=True, slots=True)
class Strength:
    """A budget of looks: bounds of the field, and the plan of the search."""

    bounds: Bounds
    plan: Plan


STRENGTHS: Mapping[str, Strength] = {
    "light": Strength(Bounds().times(0.7), Plan(ssim=0.93, patches=0.6, enough=-0.8)),
    "middle": Strength(Bounds(), Plan(ssim=0.881, patches=0.98)),
    "strong": Strength(Bounds().times(1.4), Plan(steps=150, ssim=0.84, patches=1.5)),
}
"""By name, from hardly visible to visible. The light one stops as soon as the surrogates are well past their
thresholds."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """What is asked for.

    aim: "dodge" or "impersonate". strength: a name of `STRENGTHS`. look: a name of `makeup.LOOKS`, or a Look; "none"
    paints nothing. other: another photo of the same person and its face; scores then compare with it, otherwise with
    the photo as it came, which is stricter. target: for impersonation, the picture of somebody made up and its face.
    steps: of the search, 0 for the strength's own. seed: of the field's start.
    """

    aim: str = "dodge"
    strength: str = "middle"
    look: Look | str = "neutral"
    other: tuple[np.ndarray, Face] | None = None
    target: tuple[np.ndarray, Face] | None = None
    steps: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.aim not in ("dodge", "impersonate"):
            raise BadRequest(f"aim: expected dodge or impersonate, got {self.aim!r}.")
        if self.strength not in STRENGTHS:
            raise BadRequest(f"strength: expected one of {', '.join(STRENGTHS)}, got {self.strength!r}.")
        if self.aim == "impersonate" and self.target is None:
            raise BadRequest("Impersonation needs a target: the picture of a made-up person with a face.")
        if not 0 <= self.steps <= 500:
            raise BadRequest(f"steps: expected 0 to 500, got {self.steps}.")

    @property
    def plan(self) -> Plan:
        """The strength's plan with the steps asked for."""
        plan = STRENGTHS[self.strength].plan
        return Plan(self.steps or plan.steps, plan.rate, plan.ssim, plan.patches, plan.floor, plan.enough)

    @property
    def against(self) -> str:
        """What scores compare with, in words."""
        if self.aim == "impersonate":
            return "the made-up person"
        return "the other photo" if self.other else "the photo as it came"


def protect(
    image: np.ndarray,
    face: Face,
    parsing: Parsing | None,
    surrogates: Sequence[FaceRecogniser],
    judges: Sequence[FaceRecogniser],
    finder: FaceFinder,
    request: Request | None = None,
    watch: Watch | None = None,
    preview: Preview | None = None,
) -> Protection:
    """The photo with one face protected, and what every recogniser reads from the saved file.

    parsing: of the whole photo; None: hair and glasses are not spared. surrogates: attacked. judges: only asked at the
    end; may be empty, then nothing is claimed. preview: called with whole photos (H, W, 3) while the search goes on.
    Raises FaceTooSmall, BadRequest (no landmarks, a profile, no surrogate, one recogniser in both roles, one without a
    threshold), Cancelled.
    """
    request, watch, started = request or Request(), watch or Watch(), time.perf_counter()
    _check(surrogates, judges)
    scene = make_scene([image], [face], [parsing])
    models = [*surrogates, *judges]
    reader = Reader(models, finder, face.box, (image.shape[1], image.shape[0]), _others(image, face, models, request))
    watch.tell(0.02, "reading")
    if request.aim == "dodge" and request.other is not None and _stranger(reader, image):
        return _result(image, image, scene, reader, judges, request, 0, started, changed=False)
    field = ToneField(scene, STRENGTHS[request.strength].bounds, _look(request), request.seed)
    found = search(
        field,
        scene,
        views(surrogates, scene),
        request.plan,
        _targets(surrogates, request),
        watch.part(0.05, 0.85),
        _shown(image, scene, preview),
    )
    protected = on_photo(image, scene.canvases[0], scene.canvases[0].pixels, found.pixels[0].numpy())
    watch.tell(0.88, "reading the saved photo")
    result = _result(image, protected, scene, reader, judges, request, found.steps, started)
    watch.tell(1.0, "done")
    return result


def _check(surrogates: Sequence[FaceRecogniser], judges: Sequence[FaceRecogniser]) -> None:
    if not surrogates:
        raise BadRequest("Expected at least one recogniser to protect from.")
    both = {name(model) for model in surrogates} & {name(model) for model in judges}
    if both:
        raise BadRequest(
            f"{', '.join(sorted(both))}: a recogniser that is attacked cannot judge. Choose another judge."
        )
    for model in (*surrogates, *judges):
        if model.threshold is None:
            raise BadRequest(f"{name(model)} has no calibrated threshold: it can neither be attacked nor judge.")


def _others(image: np.ndarray, face: Face, models: Sequence[FaceRecogniser], request: Request) -> dict[str, Embedding]:
    """By model id, the vectors that scores compare with."""
    if request.aim == "impersonate" and request.target is not None:
        return vectors(*request.target, models)
    return vectors(*(request.other or (image, face)), models)


def _stranger(reader: Reader, image: np.ndarray) -> bool:
    """Whether no recogniser matches the photo as it is."""
    scores = reader.scores(image)
    if scores is None:
        return False
    held = [
        model.metric.matches(score, model.threshold)
        for model in reader.models
        if (score := scores[name(model)]) is not None and model.threshold is not None
    ]
    return not any(held)


def _look(request: Request) -> Look:
    return makeup.find(request.look) if isinstance(request.look, str) else request.look


def _targets(surrogates: Sequence[FaceRecogniser], request: Request) -> list[torch.Tensor] | None:
    if request.aim != "impersonate" or request.target is None:
        return None
    known = vectors(*request.target, surrogates)
    return [torch.from_numpy(known[name(model)].vector)[None] for model in surrogates]


def _shown(image: np.ndarray, scene: Scene, preview: Preview | None) -> Callable[[torch.Tensor], None] | None:
    """A preview of canvases as one of photos."""
    if preview is None:
        return None
    canvas = scene.canvases[0]
    return lambda pixels: preview(on_photo(image, canvas, canvas.pixels, pixels[0].numpy()))


def _result(
    image: np.ndarray,
    protected: np.ndarray,
    scene: Scene,
    reader: Reader,
    judges: Sequence[FaceRecogniser],
    request: Request,
    steps: int,
    started: float,
    changed: bool = True,
) -> Protection:
    data = images.encode_jpeg(protected, QUALITY)
    saved = opened(data)
    figures = measured(image, saved, scene)
    return Protection(
        photo=data,
        aim=request.aim,
        against=request.against,
        readings=reader.readings(image, data, [name(model) for model in judges]),
        **figures,
        change=np.abs(protected.astype(np.int16) - image).max(axis=2).astype(np.uint8),
        changed=changed,
        seconds=time.perf_counter() - started,
        steps=steps,
    )


def measured(image: np.ndarray, saved: np.ndarray, scene: Scene, row: int = 0) -> dict[str, Any]:
    """What the change of a saved photo looks like: SSIM, PSNR, ΔE00 of bare skin and patchiness, all on the canvas."""
    canvas = scene.canvases[row]
    before, after = (images.warp(photo, canvas.matrix, (SIDE, SIDE)) for photo in (image, saved))
    first, second = (
        torch.from_numpy(np.ascontiguousarray(photo.transpose(2, 0, 1))).float()[None] for photo in (before, after)
    )
    face, skin = scene.face[row : row + 1], scene.skin[row : row + 1]
    colour, tint = skin_change(before, after, skin[0, 0].numpy())
    return {
        "ssim": float(looks.ssim(first, second, face)),
        "psnr": float(looks.psnr(first, second, face)),
        "skin_change": colour,
        "skin_tint": tint,
        "patchiness": float(looks.patchiness(first, second, skin)),
    }
