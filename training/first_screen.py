"""Draws the pictures of the first screen, and the looks of Protection: the astronaut parsed and explained, and cards.

    python -m training.first_screen

They are shipped, so that the first screen runs no model; `tests/ui/test_first_screen.py` asks the models again. The
portrait is NASA's, in the public domain; every other face is drawn.
"""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from workbench import drawing
from workbench.bench import Workbench
from workbench.images import warp
from workbench.parts import PARTS, title
from workbench.publish import examples
from workbench.values import Face

OUT = Path(__file__).resolve().parents[1] / "workbench" / "ui" / "first_screen"
SIDE, CARD = 400, (288, 162)
METHOD, LOOK = "occlusion", "goth"


def main() -> None:
    """Write every picture, and what is said of them."""
    bench = Workbench.from_env()
    portrait, *people = [np.asarray(Image.open(path).convert("RGB")) for path in examples.make(bench)[:4]]
    face = _face(bench, portrait)
    parsing = _parsed(bench, portrait, face)
    told, heat = _explained(bench, portrait, face, parsing)
    view = _view(face, (SIDE, SIDE), 2.1)
    _save("astronaut.jpg", warp(portrait, view, (SIDE, SIDE)), 82)
    labels = cv2.warpAffine(parsing.labels, view, (SIDE, SIDE), flags=cv2.INTER_NEAREST)
    Image.fromarray(labels).save(OUT / "parts.png", optimize=True)
    level = warp((heat / np.abs(heat).max()).astype(np.float32), view, (SIDE, SIDE), "black")
    coarse = cv2.resize(level, (SIDE // 4, SIDE // 4), interpolation=cv2.INTER_AREA)
    Image.fromarray(np.rint(coarse.clip(-1, 1) * 127 + 128).astype(np.uint8)).save(OUT / "heat.png", optimize=True)
    (OUT / "told.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    _save("card-parsing.jpg", _around(drawing.overlay(portrait, parsing.labels), face))
    _save("card-explanation.jpg", _around(drawing.heat(portrait, heat), face))
    _save("card-protection.jpg", _made_up(bench, people[0]))
    _looks(bench, people[0])
    _save("card-generation.jpg", _beside(people))
    _save("card-labeling.jpg", _beside([people[1], people[2]]))
    _save("card-glance.jpg", _around(drawing.draw_faces(portrait, [face]), face))


def _face(bench: Workbench, image: np.ndarray) -> Face:
    from workbench.tasks.detection import find_faces

    return find_faces(image, bench.finder())[0]


def _parsed(bench: Workbench, image: np.ndarray, face: Face) -> Any:
    from workbench.tasks.parsing import parse

    return parse(image, bench.parser(), [face])


def _explained(bench: Workbench, image: np.ndarray, face: Face, parsing: Any) -> tuple[dict[str, Any], np.ndarray]:
    from workbench.explanation.explain import explained, proof_of
    from workbench.explanation.methods import find
    from workbench.explanation.targets import named

    spec = bench.first("expression")
    model = bench.model(spec.id)
    scores = model.scores(image, face)
    found = explained(named(model, "expression", scores.top), image, face, METHOD, parsing=parsing)
    proof = proof_of(found, randomise=False)
    told = {
        "model": spec.title,
        "label": scores.top,
        "share": round(float(scores.as_dict()[scores.top]), 4),
        "method": find(METHOD).title,
        "verdict": proof.verdict.word,
        "parser": bench.first("parsing").title,
        "parts": [
            {"index": int(i), "name": title(PARTS[i]), "color": drawing.hex_color(PARTS[i])}
            for i in np.unique(parsing.labels)
            if i
        ],
        "shares": {title(share.part): round(float(share.heat), 3) for share in proof.shares or ()},
    }
    return told, found.heatmap.values


def _made_up(bench: Workbench, image: np.ndarray) -> np.ndarray:
    from workbench.makeup.photo import apply_makeup

    face = _face(bench, image)
    after = apply_makeup(image, face, LOOK, _parsed(bench, image, face))
    return _beside([_around(image, face, (144, 162)), _around(after, face, (144, 162))])


def _looks(bench: Workbench, image: np.ndarray) -> None:
    """Every look as a small picture of the face."""
    from workbench.makeup.looks import LOOKS
    from workbench.makeup.photo import apply_makeup

    face = _face(bench, image)
    parsing = _parsed(bench, image, face)
    for name in LOOKS:
        painted = _around(apply_makeup(image, face, name, parsing), face, (96, 96), 0.95)
        _save(f"../protection/look_pictures/{name}.jpg", painted, 72)


def _around(image: np.ndarray, face: Face, size: tuple[int, int] = CARD, reach: float = 1.55) -> np.ndarray:
    """The face in a picture of this width and height."""
    return warp(image, _view(face, size, reach), size)


def _view(face: Face, size: tuple[int, int], reach: float) -> np.ndarray:
    """(2, 3): the photo onto a picture of this width and height, which is `reach` faces high."""
    centre = (face.box[:2] + face.box[2:]) / 2
    scale = size[1] / (reach * face.size)
    return np.array([[scale, 0, size[0] / 2 - scale * centre[0]], [0, scale, size[1] / 2 - scale * centre[1]]])


def _beside(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures in a row, each cut to the same width."""
    width = CARD[0] // len(pictures)
    return np.hstack([_fitted(each, (width, CARD[1])) for each in pictures])


def _fitted(image: np.ndarray, size: tuple[int, int] = CARD) -> np.ndarray:
    from PIL import ImageOps

    return np.asarray(ImageOps.fit(Image.fromarray(image), size, Image.Resampling.LANCZOS))


def _save(name: str, image: np.ndarray, quality: int = 76) -> None:
    Image.fromarray(image).save(OUT / name, quality=quality, optimize=True)


if __name__ == "__main__":
    main()
