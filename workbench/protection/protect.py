"""Protects one face of a photo from recognisers: makeup, and under it tones that a search has found; then reads the
saved file again.

The search knows the surrogates only. Judges read the saved photo after everything is decided, and only they may say
protected. How strong a protection is, is how plainly it may be seen: a visibility in just noticeable differences.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from workbench.errors import BadRequest
from workbench.makeup import looks as makeup
from workbench.makeup.looks import Look
from workbench.makeup.photo import on_photo
from workbench.protection.fields import ToneField
from workbench.protection.judge import Reader, name, vectors
from workbench.protection.outcome import Result
from workbench.protection.scene import Scene, make_scene
from workbench.protection.search import Plan, search
from workbench.protection.strength import strength_of
from workbench.protection.views import views
from workbench.tasks.face_search import FaceFinder
from workbench.tasks.recognition import FaceRecogniser
from workbench.values import Embedding, Face, Parsing, Protection
from workbench.watch import Watch

Preview = Callable[[np.ndarray], None]


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """What is asked for.

    aim: "dodge" or "impersonate". strength: a name of `STRENGTHS`, or a visibility. look: a name of `makeup.LOOKS`, or
    a Look; "none" paints nothing. other: another photo of the same person and its face; scores then compare with it,
    otherwise with the photo as it came, which is stricter. target: for impersonation, the picture of somebody made up
    and its face. steps: of the search's first level, 0 for the strength's own; then no level before the asked one is
    searched. seed: of the field's start.
    """

    aim: str = "dodge"
    strength: str | float = "light"
    look: Look | str = "neutral"
    other: tuple[np.ndarray, Face] | None = None
    target: tuple[np.ndarray, Face] | None = None
    steps: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.aim not in ("dodge", "impersonate"):
            raise BadRequest(f"aim: expected dodge or impersonate, got {self.aim!r}.")
        strength_of(self.strength)
        if self.aim == "impersonate" and self.target is None:
            raise BadRequest("Impersonation needs a target: the picture of a made-up person with a face.")
        if not 0 <= self.steps <= 500:
            raise BadRequest(f"steps: expected 0 to 500, got {self.steps}.")

    @property
    def plan(self) -> Plan:
        """The strength's plan with the steps asked for."""
        plan = strength_of(self.strength).plan
        return replace(plan, levels=plan.levels[-1:], steps=self.steps) if self.steps else plan

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
    return protect_curve(image, face, parsing, surrogates, judges, finder, request, watch, preview, whole=False)[-1]


def protect_curve(
    image: np.ndarray,
    face: Face,
    parsing: Parsing | None,
    surrogates: Sequence[FaceRecogniser],
    judges: Sequence[FaceRecogniser],
    finder: FaceFinder,
    request: Request | None = None,
    watch: Watch | None = None,
    preview: Preview | None = None,
    whole: bool = True,
) -> tuple[Protection, ...]:
    """The same photo protected at every visibility of one search, each saved and read by itself, the least first.

    A level that shows at least as much in its file as a higher one is left out; the highest stays always. whole: all of
    the levels; otherwise the one that was asked for. The rest as for `protect`.
    """
    request, watch, started = request or Request(), watch or Watch(), time.perf_counter()
    _check(surrogates, judges)
    scene = make_scene([image], [face], [parsing])
    models = [*surrogates, *judges]
    reader = Reader(models, finder, face.box, (image.shape[1], image.shape[0]), _others(image, face, models, request))
    watch.tell(0.02, "reading")
    result = Result(image, scene, reader, [name(model) for model in judges], request.aim, request.against, started)
    if request.aim == "dodge" and request.other is not None and _stranger(reader, image):
        return (result.unchanged(),)
    field = ToneField(scene, strength_of(request.strength).bounds, _look(request), request.seed)
    found = search(
        field,
        scene,
        views(surrogates, scene),
        request.plan,
        _targets(surrogates, request),
        watch.part(0.05, 0.8),
        _shown(image, scene, preview),
    )
    made = []
    stages = found.stages if whole else found.stages[-1:]
    for number, stage in enumerate(stages):
        watch.tell(0.8 + 0.2 * number / len(stages), "reading the saved photo")
        made.append(result.of(stage, found.steps))
    watch.tell(1.0, "done")
    return _rising(made)


def _rising(made: Sequence[Protection]) -> tuple[Protection, ...]:
    """Those that show less than every later one; nobody wants what shows more at a lower level."""
    kept = list(made[-1:])
    for one in reversed(made[:-1]):
        if one.visibility < kept[0].visibility:
            kept.insert(0, one)
    return tuple(kept)


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
    """A preview of changes of the canvas as one of photos."""
    if preview is None:
        return None
    canvas = scene.canvases[0]
    return lambda change: preview(on_photo(image, canvas, canvas.pixels, canvas.pixels + change[0].numpy()))
