"""Measures portrait models on people nothing was made or chosen with, by recognisers that took no part.

    python -m training.portraits.measure --data PRESS_PHOTOS --train CELEBAMASK_MINI --work WORK --models MODEL ...
    [--pictures 4]

Told is a person's first photo, compared with is the second. Kept in WORK: every picture, so that a stopped run goes on,
and WORK/measured.json. The figures of `generator_check`, and beside them brightness, groups, sharpness and nearness to
training faces.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from training import generator_check as check
from training import lfw
from workbench import images
from workbench.bench import Workbench
from workbench.mesh import LIPS_OUTER, OVAL, REGIONS, polygon
from workbench.metrics.pairs import even as is_even
from workbench.metrics.pairs import person
from workbench.metrics.roc import auc, interval
from workbench.portraits import Recipe
from workbench.tasks.detection import FIVE, find_faces
from workbench.values import Face

JUDGES = ("sface", "faceres")
SHARP_SIDE = 256


def people(crops: lfw.Crops, even: bool) -> list[tuple[int, int]]:
    """Rows of the first and second photo of everybody who has two, of one half."""
    rows: dict[str, list[int]] = {}
    for row, file in enumerate(crops.files):
        rows.setdefault(person(file), []).append(row)
    return [(found[0], found[1]) for name, found in sorted(rows.items()) if len(found) > 1 and is_even(name) == even]


def drawn(
    bench: Workbench,
    model: str,
    vectors: np.ndarray,
    photos: Sequence[tuple[np.ndarray, Face]],
    places: np.ndarray,
    count: int,
    folder: Path,
) -> np.ndarray:
    """(n, count, s, s, 3) uint8: pictures of n vectors; a person's seed is its place among all, (n,). Kept in `folder`.
    photos: with a face each, which models that look at photos are shown."""
    folder.mkdir(parents=True, exist_ok=True)
    sheets = []
    for seed, vector, photo in zip(places.tolist(), vectors, photos, strict=True):
        kept = folder / f"{seed:04d}.npy"
        if not kept.is_file():
            draw = bench.model(model, "portrait")
            draw = draw.shown(*photo) if bench.spec(model).photo else draw
            np.save(kept, np.stack(draw(np.repeat(vector[None], count, 0), Recipe(seed))))
        sheets.append(np.load(kept)[:count])
    return np.stack(sheets)


def embedded(bench: Workbench, crops: lfw.Crops, rows: list[int], model: str) -> np.ndarray:
    """(n, d) of a recogniser for some of the photos."""
    return np.stack(
        [bench.model(model).embed(crops.image(crops.files[row], bench), crops.faces[row]).vector for row in rows]
    )


def brightness(picture: np.ndarray, face: Face) -> float:
    """Mean grey of the face inside its outline, 0..255."""
    assert face.mesh is not None
    inside = polygon(face.mesh, OVAL, picture.shape[:2]) > 127
    return float((picture[inside].astype(np.float32) @ (0.299, 0.587, 0.114)).mean())


def sharpness(picture: np.ndarray, face: Face) -> float:
    """Mean square of what is finer than a blur of 1.5 pixels in eyes and mouth, at 256 pixels, in squared grey
    values."""
    assert face.mesh is not None
    scale = SHARP_SIDE / picture.shape[0]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = cv2.resize(grey, (SHARP_SIDE, SHARP_SIDE), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    fine = grey - cv2.GaussianBlur(grey, (0, 0), 1.5)
    inside = np.zeros(grey.shape, bool)
    for path in (REGIONS["image_left_eye"], REGIONS["image_right_eye"], LIPS_OUTER):
        inside |= polygon(face.mesh * scale, path, grey.shape) > 127
    return float((fine[inside] ** 2).mean()) if inside.any() else 0.0


def seen(bench: Workbench, pictures: np.ndarray) -> dict[str, np.ndarray]:
    """For (n, m) pictures: vectors of every recogniser, and brightness, sharpness and yaw; NaN where no face is
    found."""
    flat = pictures.reshape(-1, *pictures.shape[2:])
    models = {name: bench.model(name) for name in (*JUDGES, "dlib")}
    found: dict[str, np.ndarray] = {}
    for row, picture in enumerate(flat):
        faces = find_faces(picture, bench.model("blazeface"), limit=1)
        if not faces or faces[0].mesh is None:
            continue
        face = faces[0]
        assert face.pose is not None
        values = {name: model.embed(picture, face).vector for name, model in models.items()}
        values |= {
            "brightness": np.array([brightness(picture, face)]),
            "sharpness": np.array([sharpness(picture, face)]),
        }
        values["yaw"] = np.array([face.pose.yaw])
        for name, value in values.items():
            found.setdefault(name, np.full((len(flat), len(value)), np.nan, np.float32))[row] = value
    return {name: array.reshape(*pictures.shape[:2], -1) for name, array in found.items()}


def looked(bench: Workbench, pictures: np.ndarray, places: np.ndarray, folder: Path) -> dict[str, np.ndarray]:
    """`seen` of (n, m) pictures, a person at a time and kept in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for place, own in zip(places.tolist(), pictures, strict=True):
        kept = folder / f"{place:04d}.npz"
        if not kept.is_file():
            arrays: dict[str, Any] = seen(bench, own[None])
            np.savez(kept, **arrays)
        with np.load(kept) as file:
            rows.append({name: file[name][0] for name in file.files})
    widths = {name: array.shape[-1] for row in rows for name, array in row.items()}
    blank = {name: np.full((pictures.shape[1], width), np.nan, np.float32) for name, width in widths.items()}
    return {name: np.stack([row.get(name, blank[name]) for row in rows]) for name in widths}


def groups(bench: Workbench, crops: lfw.Crops, rows: list[int], grey: np.ndarray) -> dict[str, np.ndarray]:
    """Masks over people: apparent sex by the embedded model, and thirds by how dark the face is in the reference."""
    gender = bench.model("gender")
    scores = [gender.scores(crops.image(crops.files[row], bench), crops.faces[row]).top for row in rows]
    third = np.searchsorted(np.quantile(grey, [1 / 3, 2 / 3]), grey)
    found = {f"apparent {name}": np.array([score == name for score in scores]) for name in sorted(set(scores))}
    return found | {f"{name} third of faces": third == at for at, name in enumerate(("darkest", "middle", "lightest"))}


def area(vectors: np.ndarray, references: np.ndarray, which: np.ndarray) -> float:
    """AUC of own against others, over some people's pictures against everybody's references."""
    cosines = np.einsum("nmd,kd->nmk", np.nan_to_num(vectors[which]), references)
    cosines[~np.isfinite(vectors[which][..., 0])] = -1
    same = np.zeros(cosines.shape, bool)
    for place, column in enumerate(np.flatnonzero(which)):
        same[place, :, column] = True
    return auc(cosines.ravel(), same.ravel().astype(float))


def nearest(vectors: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Distance of each vector (n, d) to the nearest training face (m, d)."""
    good = vectors[np.isfinite(vectors[:, 0])]
    return np.array([np.linalg.norm(training - each, axis=1).min() for each in good])


def quantiles(values: np.ndarray) -> list[float]:
    """Least, 1 %, 5 %, and median."""
    return [round(float(x), 3) for x in np.quantile(values, [0, 0.01, 0.05, 0.5])]


def training_faces(bench: Workbench, folder: Path, work: Path) -> dict[str, np.ndarray]:
    """Vectors of all photos that were trained on, by dlib (mirror images too) and by the first judge, and the sharpness
    of every fourth."""
    kept = work / "training_faces.npz"
    if not kept.is_file():
        with np.load(work / "faces.npz", allow_pickle=False) as file:
            straight = ~file["mirrored"]
            found = list(zip(file["name"][straight].tolist(), file["mesh"][straight], strict=True))
            dlib = file["vector"]
        judged, sharp = [], []
        for place, (name, mesh) in enumerate(found):
            photo = images.decode(folder / "images" / f"{name}.jpg", bench.settings)
            whole = np.concatenate([mesh, np.zeros((len(mesh), 1), np.float32)], 1)
            face = Face(np.concatenate([mesh.min(0), mesh.max(0)]), mesh[list(FIVE)].copy(), 1.0, whole)
            judged.append(bench.model(JUDGES[0]).embed(photo, face).vector)
            if place % 4 == 0:
                small = cv2.resize(photo, (SHARP_SIDE, SHARP_SIDE), interpolation=cv2.INTER_AREA)
                close = Face(face.box, face.points, 1.0, whole * np.float32(SHARP_SIDE / len(photo)))
                sharp.append(sharpness(small, close))
        np.savez(kept, **{"dlib": dlib, JUDGES[0]: np.stack(judged), "sharpness": np.array(sharp)})  # type: ignore[arg-type]
    with np.load(kept) as file:
        return {name: file[name] for name in file.files}


def measured(
    bench: Workbench,
    found: dict[str, np.ndarray],
    vectors: np.ndarray,
    others: dict[str, np.ndarray],
    grey: np.ndarray,
    parts: dict[str, np.ndarray],
) -> dict[str, Any]:
    """All figures of what was `seen`. others: each recogniser's vectors of the second photos. grey: brightness of the
    first."""
    answers: dict[str, Any] = {}
    for judge in JUDGES:
        threshold = bench.model(judge).threshold
        sheet, own = check.Sheet(found[judge], found["dlib"]), float(bench.model("dlib").threshold)
        told = check.measure(
            sheet, check.References(vectors, others[judge], others["dlib"]), (float(threshold), own)
        ).as_dict()
        answers[judge] = told | {"threshold": round(float(threshold), 4)}
        answers[judge]["auc by group"] = {
            name: round(area(found[judge], others[judge], mask), 4) for name, mask in parts.items()
        }
    share = np.nanmean(found["brightness"][..., 0], 1) / grey
    answers["brightness over the reference's"] = {
        name: round(float(np.nanmean(share[mask])), 3) for name, mask in ({"all": share > 0} | parts).items()
    }
    inside = np.abs(found["brightness"][..., 0] / grey[:, None] - 1) < 0.1
    answers["within 10 % of its brightness"] = [round(float(x), 3) for x in _share(inside.mean(1))]
    answers["sharpness"] = round(float(np.nanmean(found["sharpness"])), 2)
    return answers


def _share(values: np.ndarray) -> tuple[float, float, float]:
    rng = np.random.default_rng(0)
    drawn = np.array([values[rng.integers(0, len(values), len(values))].mean() for _ in range(500)])
    found = interval(float(values.mean()), drawn)
    return found.value, found.low, found.high


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True, help="lfw_expressions")
    options.add_argument("--train", type=Path, required=True, help="celebamask_mini")
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--models", nargs="+", required=True)
    options.add_argument("--people", type=int, default=1000)
    options.add_argument("--pictures", type=int, default=4)
    options.add_argument("--places", default="", help="only these people, numbers with commas")
    options.add_argument(
        "--begun", action="store_true", help="only people of whom the first model has drawn pictures in --work"
    )
    options.add_argument(
        "--chosen", action="store_true", help="the half that choices may be made on, instead of the held-out one"
    )
    given = options.parse_args()
    bench = Workbench.from_env()
    crops = lfw.read(given.data, given.work / "lfw", bench)
    pairs = np.array(people(crops, given.chosen)[: given.people])
    suffix = "-chosen" if given.chosen else ""
    places = np.arange(len(pairs))
    if given.places:
        places = np.array([int(place) for place in given.places.split(",")])
    if given.begun:
        folder = given.work / f"drawn-{given.models[0]}{suffix}"
        places = np.array([place for place in places if (folder / f"{place:04d}.npy").is_file()])
    told, compared = pairs[places, 0].tolist(), pairs[places, 1].tolist()
    own = embedded(bench, crops, told, "dlib")
    photos = [(crops.image(crops.files[row], bench), crops.faces[row]) for row in told]
    others = {name: embedded(bench, crops, compared, name) for name in ("dlib", *JUDGES)}
    grey = np.array([brightness(crops.image(crops.files[row], bench), crops.faces[row]) for row in told])
    parts = groups(bench, crops, told, grey)
    answers: dict[str, Any] = {}
    run: dict[str, Any] = {"people": len(places), "groups": {name: int(mask.sum()) for name, mask in parts.items()}}
    flat: dict[str, dict[str, np.ndarray]] = {}
    for model in given.models:
        pictures = drawn(bench, model, own, photos, places, given.pictures, given.work / f"drawn-{model}{suffix}")
        found = looked(bench, pictures, places, given.work / f"seen-{model}{suffix}")
        answers[model] = measured(bench, found, own, others, grey, parts)
        flat[model] = {name: found[name].reshape(-1, found[name].shape[-1]) for name in ("dlib", JUDGES[0])}
        print(model, json.dumps(answers[model], indent=1), flush=True)
    training = training_faces(bench, given.train, given.work)
    run["sharpness of photos"] = round(float(np.nanmean(training["sharpness"])), 2)
    run["nearest training face: held-out photos"] = {
        name: quantiles(nearest(others[name], training[name])) for name in ("dlib", JUDGES[0])
    }
    for model, vectors in flat.items():
        answers[model]["nearest training face"] = {
            name: quantiles(nearest(rows, training[name])) for name, rows in vectors.items()
        }
    (given.work / "measured.json").write_text(json.dumps(answers | {"run": run}, indent=1) + "\n")
    print(json.dumps(run, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
