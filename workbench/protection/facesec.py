"""How recognisers stand up to perturbations of four kinds, by what the attacker knows, wants and can do.

After FACESEC (Tong et al., "FACESEC: a fine-grained robustness evaluation framework for face recognition systems", CVPR
2021, arXiv 2104.04107): perturbation × knowledge × goal × capability, judged open set, one threshold against a gallery.
A side of the defender: nothing here is offered for a person's photo.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workbench import images
from workbench.makeup import shapes
from workbench.makeup.canvas import SIDE, UNIT, Canvas
from workbench.makeup.photo import on_photo
from workbench.protection.evaluation import Subject, margin
from workbench.protection.judge import Reader, name, opened
from workbench.protection.outcome import QUALITY
from workbench.protection.scene import Scene, make_scene
from workbench.protection.views import View, views
from workbench.tasks.face_search import FaceFinder
from workbench.values import Embedding, Face
from workbench.watch import Watch

PERTURBATIONS = ("pixels", "glasses", "sticker", "mask")
"""Noise on every pixel of the face; a printed spectacle frame; a sticker on the forehead; a face mask of coloured
cells."""

GOALS = ("dodging", "impersonation")
CAPABILITIES = ("one picture", "universal")
"""A perturbation for each photo, or one for all of a batch."""

REACH, CELLS = 8.0, 16
"""Grey levels a pixel of `pixels` may move; cells of the mask across the canvas."""

BELOW_EYES = (116, 123, 147, 213, 192, 214, 210, 211, 32, 208, 199, 428, 262, 431, 430, 434, 416, 433, 376, 352, 345,
              348, 6, 119)  # fmt: skip
"""Mesh points around what a face mask covers."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One cell of the matrix. source: id of the recogniser that is known to the attacker."""

    perturbation: str
    goal: str
    capability: str
    source: str


def matrix(sources: Iterable[str]) -> list[Attack]:
    """Every attack that knows one of these recognisers."""
    return [Attack(*cell) for cell in product(PERTURBATIONS, GOALS, CAPABILITIES, sources)]


def worn(canvas: Canvas, face: Face, perturbation: str) -> np.ndarray:
    """(S, S) float32 0..1: where a perturbation lies on a face's canvas."""
    assert face.mesh is not None
    points = images.apply(canvas.matrix, face.mesh[:, :2].astype(np.float64)).astype(np.float32)
    if perturbation == "glasses":
        made = _frame(points)
    elif perturbation == "sticker":
        centre = points[[9, 10]].mean(0)
        made = np.zeros((SIDE, SIDE), np.float32)
        cv2.ellipse(made, ((float(centre[0]), float(centre[1])), (0.9 * UNIT, 0.5 * UNIT), 0.0), 1.0, -1, cv2.LINE_AA)
    elif perturbation == "mask":
        made = shapes.area(points, BELOW_EYES, SIDE)
    else:
        made = canvas.masks["face"]
    return (shapes.soft(made, 0.7) * shapes.soft(shapes.oval(points, SIDE, 0.3 * UNIT), 1.0)).astype(np.float32)


def _frame(points: np.ndarray) -> np.ndarray:
    """Two rims around the eyes, a bridge between them and the start of the temples."""
    made = np.zeros((SIDE, SIDE), np.float32)
    middles = []
    for lids in shapes.EYES:
        eye = points[list(lids)]
        middle = (eye.min(0) + eye.max(0)) / 2 + np.array([0, 0.05 * UNIT], np.float32)
        ring = np.array(cv2.ellipse2Poly((0, 0), (100, 72), 0, 0, 360, 8), np.float32) / 100 * 0.44 * UNIT + middle
        made = np.maximum(made, shapes.stroke(np.concatenate([ring, ring[:1]]), SIDE, 0.13 * UNIT))
        middles.append(middle)
    first, second = sorted(middles, key=lambda middle: float(middle[0]))
    ends = (
        (first, (0.4, -0.07), second, (-0.4, -0.07)),
        (first, (-0.85, -0.1), first, (-0.42, -0.03)),
        (second, (0.42, -0.03), second, (0.85, -0.1)),
    )
    for start, before, stop, after in ends:
        line = np.stack([start + UNIT * np.array(before), stop + UNIT * np.array(after)])
        made = np.maximum(made, shapes.stroke(line, SIDE, 0.1 * UNIT))
    return made


def perturbed(scene: Scene, view: View, attack: Attack, target: Tensor | None, steps: int = 20) -> Tensor:
    """(N, 3, S, S): the canvases under the perturbation that sign steps have found, knowing one recogniser.

    target: (d,), whom to resemble by that recogniser; needed for impersonation only.
    """
    where = torch.from_numpy(
        np.stack([worn(c, f, attack.perturbation) for c, f in zip(scene.canvases, scene.faces, strict=True)])
    )[:, None]
    count = 1 if attack.capability == "universal" else len(scene)
    noise, cells = attack.perturbation == "pixels", CELLS if attack.perturbation == "mask" else SIDE
    free = torch.zeros(count, 3, cells, cells) if noise else torch.full((count, 3, cells, cells), 127.0)
    least, most, step = (-REACH, REACH, 2.5 * REACH / steps) if noise else (0.0, 255.0, 300.0 / steps)
    for _ in range(steps):
        moving = free.clone().requires_grad_()
        likeness = _likeness(view, _laid(scene.pixels, where, moving, noise), target)
        (gradient,) = torch.autograd.grad(likeness.sum(), moving)
        free = (free - step * gradient.sign()).clamp(least, most)
    return _laid(scene.pixels, where, free, noise)


def _likeness(view: View, canvas: Tensor, target: Tensor | None) -> Tensor:
    """(N,): what is to become small."""
    if target is None:
        return view.margins(canvas).clamp_min(-2)
    return -view.both(canvas, target[None].expand(len(canvas), -1))[1]


def _laid(pixels: Tensor, where: Tensor, free: Tensor, noise: bool) -> Tensor:
    """The canvases with noise added, or with colours laid over them."""
    if free.shape[-1] != pixels.shape[-1]:
        free = functional.interpolate(free, size=pixels.shape[-1], mode="nearest")
    return (pixels + where * (free if noise else free - pixels)).clamp(0, 255)


def run(
    subjects: Sequence[Subject], models: Mapping[str, Any], attacks: Sequence[Attack], finder: FaceFinder,
    target: Mapping[str, Embedding], steps: int = 20, watch: Watch | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """One row per person and attack: the margin every recogniser is left with, None where the face is not found again.

    models: by id. target: by model id, the vectors of the person made up whom impersonation aims at.
    """
    watch = watch or Watch()
    scene = make_scene(
        [one.photo for one in subjects], [one.face for one in subjects], [one.parsing for one in subjects]
    )
    whom = {goal: [target if goal == "impersonation" else one.others for one in subjects] for goal in GOALS}
    before = {
        goal: [
            _margins(models, others, one, one.photo, finder) for one, others in zip(subjects, whom[goal], strict=True)
        ]
        for goal in {attack.goal for attack in attacks}
    }
    rows = []
    for number, attack in enumerate(attacks):
        watch.tell(number / len(attacks), f"{attack.perturbation}, {attack.goal}, {attack.capability}")
        (view,) = views([models[attack.source]], scene)
        aimed = torch.from_numpy(target[attack.source].vector) if attack.goal == "impersonation" else None
        found = perturbed(scene, view, attack, aimed, steps).numpy()
        for index, (one, others) in enumerate(zip(subjects, whom[attack.goal], strict=True)):
            after = _margins(models, others, one, _worn_photo(one.photo, scene.canvases[index], found[index]), finder)
            row = {"person": one.pair.person, **asdict(attack), "before": before[attack.goal][index], "after": after}
            rows.append(row)
    return rows


def _worn_photo(photo: np.ndarray, canvas: Canvas, after: np.ndarray) -> np.ndarray:
    """The saved photo: what is worn over eyes or hair lies over them, so the canvas's face mask does not cut it."""
    whole = Canvas(canvas.matrix, canvas.unit, canvas.pixels, {"face": np.ones((SIDE, SIDE), np.float32)})
    return opened(images.encode_jpeg(on_photo(photo, whole, canvas.pixels, after), QUALITY))


def _margins(
    models: Mapping[str, Any], others: Mapping[str, Embedding], one: Subject, photo: np.ndarray, finder: FaceFinder
) -> dict[str, float] | None:
    reader = Reader(list(models.values()), finder, one.face.box, (photo.shape[1], photo.shape[0]), others)
    scores = reader.scores(photo)
    if scores is None:
        return None
    return {
        name(model): round(margin(scores[name(model)], float(model.threshold), model.metric), 4)
        for model in models.values()
    }


def tallied(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One line per perturbation, goal and capability: successes and counted readings with the recogniser known (white
    box) and unknown (transfer), and faces lost.

    A reading counts where the recogniser was right before. Dodging succeeds below the threshold, impersonation at it.
    """
    lines: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in rows:
        key = row["perturbation"], row["goal"], row["capability"]
        line = lines.setdefault(
            key, dict(zip(("perturbation", "goal", "capability"), key, strict=True))
            | {"white box": [0, 0], "transfer": [0, 0], "lost": 0},
        )  # fmt: skip
        if row["after"] is None or row["before"] is None:
            line["lost"] += 1
            continue
        dodging = row["goal"] == "dodging"
        for model, left in row["after"].items():
            if (row["before"][model] >= 0) != dodging:
                continue
            cell = line["white box" if model == row["source"] else "transfer"]
            cell[0] += int((left < 0) == dodging)
            cell[1] += 1
    order = {word: number for number, word in enumerate((*PERTURBATIONS, *GOALS, *CAPABILITIES))}
    return [lines[key] for key in sorted(lines, key=lambda key: tuple(order[word] for word in key))]


def printed(rows: Iterable[Mapping[str, Any]]) -> str:
    """The matrix as Markdown, rates with 95 % intervals after Wilson."""
    from workbench.metrics.roc import wilson
    from workbench.protection.tables import markdown

    def cell(count: Sequence[int]) -> str:
        if not count[1]:
            return "–"
        found = wilson(*count)
        return f"{100 * found.value:.0f} % ({count[0]}/{count[1]}; {100 * found.low:.0f}–{100 * found.high:.0f})"

    head = ["perturbation", "goal", "capability", "white box", "transfer", "face lost"]
    return markdown(
        head,
        [
            [line["perturbation"], line["goal"], line["capability"], cell(line["white box"]), cell(line["transfer"]),
             str(line["lost"])]
            for line in tallied(rows)
        ],
    )  # fmt: skip
