"""Faces with a mask, sunglasses or a tight crop, looked for among whole ones: precision at 1 by whole vectors, and
after the nearest hundred were put in order patch by patch (DeepFace-EMD).

    python benchmarks/masked_queries.py --photos FOLDER [--people 251] [--models sface,dlib]

FOLDER holds photos called Some_Name_0001.jpg; the first photo of a person is in the gallery, the second is the query.
Covers are drawn from the mesh. Whole faces are compared by cosine, for dlib too, so that both parts of the sum have one
scale.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2
import numpy as np
import torch
from inpainting_game import RECOGNISERS, Shot, people, shot
from measure import report

from workbench.bench import Workbench
from workbench.explanation.explain import chip_of
from workbench.explanation.patch_flow import Patches, patches_of
from workbench.explanation.reranking import ALPHA, FIRST, rerank
from workbench.metrics.roc import wilson
from workbench.settings import Settings
from workbench.values import Face

# fmt: off
JAW = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454)
MASK = (*JAW, 346, 195, 117)
LENSES = ((46, 105, 107, 193, 245, 120, 117, 111, 143), (276, 334, 336, 417, 465, 349, 346, 340, 372))
# fmt: on
SHOWN = 0.6
"""Side of the square that the crop leaves, as a share of the face's."""
CLOTH, GLASS = (176, 200, 214), (24, 22, 22)


def filled(image: np.ndarray, face: Face, outlines: tuple[tuple[int, ...], ...], colour: tuple[int, ...]) -> np.ndarray:
    assert face.mesh is not None
    drawn = image.copy()
    for outline in outlines:
        points = np.round((face.mesh[list(outline), :2] + 0.5) * 16).astype(np.int32)
        cv2.fillPoly(drawn, [points], colour, cv2.LINE_AA, 4)
    return drawn


def masked(image: np.ndarray, face: Face) -> np.ndarray:
    return filled(image, face, (MASK,), CLOTH)


def sunglasses(image: np.ndarray, face: Face) -> np.ndarray:
    assert face.mesh is not None
    drawn = filled(image, face, LENSES, GLASS)
    ends = [tuple(np.round(face.mesh[index, :2]).astype(int).tolist()) for index in (193, 417)]
    return cv2.line(drawn, ends[0], ends[1], GLASS, max(round(face.size / 40), 1), cv2.LINE_AA)


def cropped(image: np.ndarray, face: Face) -> np.ndarray:
    centre, reach = (face.box[:2] + face.box[2:]) / 2, SHOWN * face.size / 2
    left, top = np.maximum(np.round(centre - reach).astype(int), 0)
    right, bottom = np.round(centre + reach).astype(int)
    drawn = np.zeros_like(image)
    drawn[top:bottom, left:right] = image[top:bottom, left:right]
    return drawn


COVERS = {
    "nothing": lambda image, face: image,
    "mask": masked,
    "sunglasses": sunglasses,
    "crop": cropped,
}


def seen(model: Any, shots: list[tuple[np.ndarray, Face]]) -> tuple[torch.Tensor, Patches]:
    """Unit vectors (n, d) and patches of faces."""
    chips = torch.cat([chip_of(model, image, face) for image, face in shots])
    with torch.inference_mode():
        vectors = torch.cat([model.forward(part) for part in chips.split(16)])
        parts = [patches_of(model, part) for part in chips.split(16)]
    patches = Patches(torch.cat([part.each for part in parts]), torch.cat([part.centre for part in parts]))
    return torch.nn.functional.normalize(vectors, dim=1), patches


def row(model: Any, gallery: list[Shot], queries: list[Shot], cover: str) -> dict[str, Any]:
    vectors, patches = seen(model, [(each.image, each.face) for each in gallery])
    asked, asked_patches = seen(model, [(COVERS[cover](each.image, each.face), each.face) for each in queries])
    names = [each.name for each in gallery]
    hits = []
    for place, each in enumerate(queries):
        found = rerank(asked_patches[[place]], patches, vectors @ asked[place])
        hits.append([names[order[0]] == each.name for order in (found.before, found.after)])
    before, after = np.array(hits).T
    rates = {}
    for word, right in (("before", before), ("after", after)):
        rate = wilson(int(right.sum()), len(right))
        rates[f"P@1 {word}"] = f"{rate.value:.3f} ({rate.low:.3f}–{rate.high:.3f})"
    won, lost = int((after & ~before).sum()), int((before & ~after).sum())
    return {"model": model.spec.id, "cover": cover, **rates, "won": won, "lost": lost, "queries": len(queries)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--people", type=int, default=251)
    parser.add_argument("--models", default=",".join(RECOGNISERS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    bench = Workbench(Settings.from_env(os.environ))
    several = [paths for paths in people(args.photos).values() if len(paths) > 1][: args.people]
    pairs = [(shot(paths[0], bench), shot(paths[1], bench)) for paths in several]
    both = [(one, two) for one, two in pairs if one is not None and two is not None]
    print(f"{len(both)} of {len(pairs)} people have a face with landmarks in both photos; first {FIRST}, α {ALPHA}")
    gallery, queries = [one for one, _ in both], [two for _, two in both]
    rows = [row(bench.recogniser(name), gallery, queries, cover) for name in args.models.split(",") for cover in COVERS]
    report("masked_queries", rows)


if __name__ == "__main__":
    main()
