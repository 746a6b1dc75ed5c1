"""Mattes against composed truth: faces with strands of hair drawn over other photos, so that every alpha is known.

    python benchmarks/cutout.py [--data DIR] [--count 20] [--sheet FILE]

DIR holds `images/` and `masks/` (canonical indices), of which the validation pictures are used. A person's mask is
softened, strands are drawn along the edge of the hair, and colours from inside are carried out to the edge; that is
laid over another picture, blurred as a camera does. SAD in thousands, MSE in thousandths, over the whole picture and
where the truth is neither 0 nor 1; our matte beside the selfie matte alone and the parts alone.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import cv2
import numpy as np
from PIL import Image
from skimage import data

from training.parser_data import split
from workbench.bench import Workbench
from workbench.images import decode
from workbench.parts import INDEX, PARTS
from workbench.tasks.cutout import cut_out, front_and_back
from workbench.tasks.detection import find_faces
from workbench.tasks.matting import matte
from workbench.tasks.parsing import parse

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "celebamask_mini"


def composed(
    image: np.ndarray, mask: np.ndarray, behind: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The composed picture (uint8), its alpha (float32), and the colours in front (float32 in 0..1)."""
    person = cv2.morphologyEx((mask > 0).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    inner = cv2.erode(person, np.ones((9, 9), np.uint8))
    distance, label = cv2.distanceTransformWithLabels(1 - inner, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    places = np.zeros((label.max() + 1, 2), int)
    y, x = np.nonzero(inner)
    places[label[y, x]] = np.stack([y, x], axis=1)
    near = places[label]
    front = image[near[..., 0], near[..., 1]].astype(np.float32) / 255
    front = np.where((distance > 0)[..., None], cv2.GaussianBlur(front, (0, 0), 1.0), front)
    alpha = cv2.GaussianBlur(person.astype(np.float32), (0, 0), float(rng.uniform(0.7, 1.6)))
    alpha = np.maximum(alpha, strands(mask, person, rng))
    scene = cv2.GaussianBlur(behind, (0, 0), float(rng.uniform(0.5, 4))).astype(np.float32) / 255
    out = front * alpha[..., None] + scene * (1 - alpha[..., None])
    return np.round(out * 255).astype(np.uint8), alpha, front


def scene(rng: np.random.Generator) -> np.ndarray:
    """(512, 512, 3) uint8: a piece of one of scikit-image's photos without people, turned and toned."""
    name = str(rng.choice(["coffee", "chelsea", "rocket", "brick", "grass", "gravel"]))
    found = getattr(data, name)()
    photo = np.dstack([found] * 3) if found.ndim == 2 else found
    height, width = photo.shape[:2]
    side = int(rng.uniform(0.5, 1.0) * min(height, width))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    piece = cv2.resize(photo[top : top + side, left : left + side], (512, 512), interpolation=cv2.INTER_CUBIC)
    piece = np.clip(piece * rng.uniform(0.6, 1.3, 3), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.rot90(piece, int(rng.integers(4))))


def strands(mask: np.ndarray, person: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(h, w) float32: hairs that leave the head, one or two pixels wide, curved, fading."""
    hair = (mask == INDEX["hair"]).astype(np.uint8)
    edge = cv2.dilate(1 - person, np.ones((3, 3), np.uint8)) & cv2.dilate(hair, np.ones((3, 3), np.uint8))
    y, x = np.nonzero(edge)
    out = np.zeros(mask.shape, np.uint8)
    if not len(y):
        return out.astype(np.float32)
    outward = cv2.distanceTransform(1 - person, cv2.DIST_L2, 5)
    outward = cv2.GaussianBlur(outward - cv2.distanceTransform(person, cv2.DIST_L2, 5), (0, 0), 4)
    down, across = np.gradient(outward)
    for _ in range(int(len(y) * 0.5)):
        at = int(rng.integers(len(y)))
        point = np.array([x[at], y[at]], float)
        angle = np.arctan2(down[y[at], x[at]], across[y[at], x[at]]) + rng.normal(0, 0.7)
        bend, path = rng.normal(0, 0.06), [point.copy()]
        for _ in range(int(rng.integers(3, 9))):
            point += 2.5 * np.array([np.cos(angle), np.sin(angle)])
            angle += bend
            path.append(point.copy())
        line = np.zeros(mask.shape, np.uint8)
        left, top = np.clip(np.min(path, axis=0).astype(int) - 4, 0, None)
        right, bottom = np.max(path, axis=0).astype(int) + 5
        points = np.round((np.array(path) - [left, top]) * 16).astype(np.int32)
        line = np.zeros_like(out[top:bottom, left:right])
        cv2.polylines(line, [points], False, int(rng.integers(110, 255)), 1, cv2.LINE_AA, 4)
        out[top:bottom, left:right] = np.maximum(out[top:bottom, left:right], line)
    return out.astype(np.float32) / 255


def errors(found: np.ndarray, truth: np.ndarray) -> list[float]:
    """SAD / 1000 and MSE × 1000 everywhere, then where the truth is mixed."""
    mixed = (truth > 0.01) & (truth < 0.99)
    gap = np.abs(found - truth)
    return [
        float(gap.sum() / 1000),
        float((gap**2).mean() * 1000),
        float(gap[mixed].sum() / 1000),
        float((gap[mixed] ** 2).mean() * 1000),
    ]


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=DATA, help="photos and masks: images/, masks/")
    options.add_argument("--count", type=int, default=20)
    options.add_argument("--first", type=int, default=1, help="of the validation pictures, then every second")
    options.add_argument("--sheet", type=Path, help="write a picture of what was cut out")
    given = options.parse_args()
    if not (given.data / "masks").is_dir():
        print("no photos with masks at hand: --data DIR")
        return 0
    bench, rng = Workbench.from_env(), np.random.default_rng(0)
    stems = tuple(sorted(path.stem for path in (given.data / "images").glob("*.jpg")))
    masks = [np.asarray(Image.open(given.data / "masks" / f"{stem}.png")) for stem in stems]
    held = split(stems, np.stack([np.bincount(mask.ravel(), minlength=len(PARTS)) for mask in masks]))[1]
    rows: dict[str, list[list[float]]] = {"ours": [], "selfie matte alone": [], "parts alone": []}
    colours: dict[str, list[float]] = {"estimated": [], "the photo's own": []}
    seconds: list[float] = []
    tiles: list[np.ndarray] = []
    people = bench.matte()
    for index in held[given.first :: 2][: given.count]:
        image = decode(given.data / "images" / f"{stems[index]}.jpg", bench.settings)
        behind = scene(rng)
        photo, truth, front = composed(image, masks[index], behind, rng)
        faces = find_faces(photo, bench.finder())[:1]
        if not faces:
            continue
        parsing = parse(photo, bench.parser("compact"), faces)
        begun = time.perf_counter()
        alpha = matte(photo, parsing, people)
        seconds.append(time.perf_counter() - begun)
        rows["ours"].append(errors(alpha, truth))
        rows["selfie matte alone"].append(errors(people(photo), truth))
        rows["parts alone"].append(errors((parsing.labels > 0).astype(np.float32), truth))
        mixed = (truth > 0.05) & (truth < 0.95)
        estimated = front_and_back(photo.astype(np.float32) / 255, truth)[0]
        for name, found in (("estimated", estimated), ("the photo's own", photo.astype(np.float32) / 255)):
            colours[name].append(float(np.abs(found - front)[mixed].mean() * 255))
        if len(tiles) < 6:
            cut = cut_out(photo, alpha)
            green = np.array([60, 200, 90], np.float32)
            on_green = cut.colours * cut.alpha[..., None] + green * (1 - cut.alpha[..., None])
            grey = [np.repeat((each * 255).astype(np.uint8)[..., None], 3, 2) for each in (truth, alpha, people(photo))]
            tiles.append(np.hstack([photo, *grey, on_green.astype(np.uint8)]))
    print("| Matte | SAD (1000) | MSE (0.001) | SAD, mixed | MSE, mixed |\n|---|---|---|---|---|")
    for name, each in rows.items():
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in np.mean(each, axis=0)) + " |")
    for name, values in colours.items():
        print(f"colours in front where mixed, mean error of 255: {name} {np.mean(values):.2f}")
    print(f"{len(seconds)} pictures, {1000 * float(np.median(seconds)):.0f} ms a matte")
    if given.sheet:
        Image.fromarray(np.vstack(tiles)).save(given.sheet)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
