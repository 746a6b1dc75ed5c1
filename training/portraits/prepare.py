"""Brings photos with masks into the mean frame of their face meshes: what the portrait model is trained on.

    python -m training.portraits.prepare --data CELEBAMASK_MINI --out WORK

Every photo is read twice, as it is and mirrored. Kept are near-frontal faces without glasses or hats; who is left out,
and why, is counted. The photo's background is replaced by the colours of the person beside it, so that the model never
learns a background. Nothing here is random. What is written stays in --out: it holds people's faces and is not to be
passed on.
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from workbench.bench import Workbench
from workbench.geometry import apply, similarity
from workbench.models.portraits.appearance import CLOTH, HAIR, OUTLINE, TEXTURE
from workbench.models.portraits.frame import SIDE, Frame, ring
from workbench.parts import INDEX, MIRROR
from workbench.tasks.detection import find_faces

YAW, PITCH = 25.0, 22.0
"""Degrees beyond which a face is left out: its far side shows no texture."""

GLASSES, HAT = 0.003, 0.01
"""Shares of the picture beyond which glasses or a hat count."""

REACH = 12.0
"""Pixels of that grid's distance at which a signed distance ends."""

NO_SKIN = ("background", "hair", "hat", "earring", "cloth")

ARRAYS = ("photo", "known", "skin", "hair", "clothes", "outlines", "inside", "share")
"""What is kept of every picture: the person on colours drawn out of it, where it is known (256²); the layers' colours
(128², 32², 16²); signed distances to the outlines of skin, of head and of person, and how much of a cell the photo
shows (64²); the shares of the picture that are hair and clothes.
"""


def measured(bench: Workbench, data: Path, out: Path) -> dict[str, np.ndarray]:
    """Name, mirrored, mesh (478, 2), pose (3,), opened mouth and vector of every photo that is kept; written once."""
    kept = out / "faces.npz"
    if kept.is_file():
        with np.load(kept, allow_pickle=False) as found:
            return dict(found)
    finder, recogniser = bench.model("blazeface"), bench.model("dlib")
    rows: dict[str, list[Any]] = {name: [] for name in ("name", "mirrored", "mesh", "pose", "mouth", "vector")}
    left: Counter[str] = Counter()
    for path in sorted((data / "images").iterdir()):
        photo, labels = read(data, path.stem)
        if (labels == INDEX["eyeglasses"]).mean() > GLASSES or (labels == INDEX["hat"]).mean() > HAT:
            left["glasses or hat"] += 1
            continue
        for mirrored in (False, True):
            image = np.ascontiguousarray(photo[:, ::-1]) if mirrored else photo
            faces = [face for face in find_faces(image, finder, limit=3) if face.mesh is not None]
            if not faces:
                left["no face"] += 1
                break
            face = faces[0]
            if face.mesh is None or face.pose is None or abs(face.pose.yaw) > YAW or abs(face.pose.pitch) > PITCH:
                left["turned away"] += 1
                break
            row = (
                path.stem,
                mirrored,
                face.mesh[:, :2],
                (face.pose.yaw, face.pose.pitch, face.pose.roll),
                face.mouth_open,
            )
            for name, value in zip(rows, (*row, recogniser.embed(image, face).vector), strict=True):
                rows[name].append(value)
    print(f"kept {len(rows['name'])} pictures; left out {dict(left)}")
    arrays: dict[str, Any] = {
        name: np.array(row, np.float32 if name not in ("name", "mirrored") else None) for name, row in rows.items()
    }
    np.savez(kept, **arrays)
    return arrays


def read(data: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A photo (512, 512, 3) and its mask (512, 512) of canonical parts, uint8."""
    photo = np.array(Image.open(data / "images" / f"{name}.jpg").convert("RGB"))
    return photo, np.array(Image.open(data / "masks" / f"{name}.png"))


def mean_frame(meshes: np.ndarray, photo_side: int) -> tuple[Frame, np.ndarray]:
    """The mean frame of (n, 478, 2) meshes and the (n, 2, 3) similarities that bring each to it (Procrustes, three
    rounds).

    The mean is kept symmetric by the caller giving mirrored pictures too. It lies in the frame as faces lie in the
    photos.
    """
    points = meshes[:, :468].astype(np.float64)
    mean = apply(np.array([[SIDE / photo_side, 0, 0], [0, SIDE / photo_side, 0]]), points.mean(0))
    start = mean
    for _ in range(3):
        mean = np.mean([apply(similarity(each, mean), each) for each in points], axis=0)
        mean = apply(similarity(mean, start), mean)
    return Frame(mean), np.stack([similarity(each, mean) for each in points])


def filled(colours: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(h, w, 3) float32 with the colours where `known` (h, w) is 0 drawn in from what lies beside, ever smoother with
    the distance."""
    levels = [(colours * known[..., None], known.astype(np.float32))]
    while min(levels[-1][1].shape) > 2:
        levels.append((cv2.pyrDown(levels[-1][0]), cv2.pyrDown(levels[-1][1])))
    last, share = levels[-1]
    found = last / np.maximum(share, 1e-6)[..., None]
    for total, share in reversed(levels[:-1]):
        below = cv2.resize(found, share.shape[::-1], interpolation=cv2.INTER_LINEAR)
        sure = np.clip(6 * share, 0, 1)[..., None]
        found = sure * total / np.maximum(share, 1e-6)[..., None] + (1 - sure) * below
    return found


def signed(mask: np.ndarray) -> np.ndarray:
    """(64, 64) float32 in −1..1 of a (256, 256) bool mask: the distance to its border, positive inside."""
    inside = mask.astype(np.uint8)
    scale = SIDE / OUTLINE
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    return np.clip(cv2.resize(distance, (OUTLINE, OUTLINE), interpolation=cv2.INTER_AREA) / (scale * REACH), -1, 1)


def textured(frame: Frame, photo: np.ndarray, labels: np.ndarray, points: np.ndarray) -> dict[str, np.ndarray]:
    """One photo in the mean frame, by the names of `ARRAYS`. points: (504, 2) of mesh and ring in the photo.

    Each layer's colours go on beyond the layer, ever smoother, so that any layer can be cut to any outline.
    """
    there = frame.map_from(points, 2 * SIDE)
    inside = cv2.remap(np.full(labels.shape, 255, np.uint8), there, None, cv2.INTER_LINEAR, borderValue=0) > 250
    seen = cv2.remap(photo, there, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    parts = cv2.remap(labels, there, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    small = cv2.resize(seen, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    masks = {
        "skin": ~np.isin(parts, [INDEX[name] for name in NO_SKIN]),
        "hair": parts == INDEX["hair"],
        "clothes": parts == INDEX["cloth"],
        "person": parts > 0,
    }
    masks["head"] = masks["person"] & ~masks["clothes"]
    sure = {name: _sure(mask & inside, 11 if name == "person" else 7) for name, mask in masks.items()}
    found = {
        "outlines": np.stack([signed(_halved(masks[name])) for name in ("skin", "head", "person")]).astype(np.float32)
    }
    found["inside"] = cv2.resize(inside.astype(np.float32), (OUTLINE, OUTLINE), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(sure["person"], (0, 0), 1.0)[..., None] * sure["person"][..., None]
    found["photo"] = _bytes(soft * small + (1 - soft) * filled(small, sure["person"]))
    found["known"] = (255 * sure["person"]).astype(np.uint8)
    for name, side in (("skin", TEXTURE), ("hair", HAIR), ("clothes", CLOTH)):
        whole = sure[name][..., None] * small + (1 - sure[name][..., None]) * filled(small, sure[name])
        found[name] = _bytes(cv2.resize(whole, (side, side), interpolation=cv2.INTER_AREA))
    found["share"] = np.array([sure["hair"].mean(), sure["clothes"].mean()], np.float32)
    return found


def _sure(mask: np.ndarray, kernel: int) -> np.ndarray:
    """(256, 256) float32, 1 well inside a (512, 512) mask, else 0."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((kernel, kernel), np.uint8))
    return (cv2.resize(inner * 255, (SIDE, SIDE), interpolation=cv2.INTER_AREA) > 250).astype(np.float32)


def _halved(mask: np.ndarray) -> np.ndarray:
    return cv2.resize(mask.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA) > 0.5


def _bytes(colours: np.ndarray) -> np.ndarray:
    return np.clip(np.round(colours), 0, 255).astype(np.uint8)


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, required=True, help="celebamask_mini: images/ and masks/")
    options.add_argument("--out", type=Path, default=Path("build/portraits"))
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    faces = measured(Workbench.from_env(), given.data, given.out)
    frame, matrices = mean_frame(faces["mesh"], 512)
    count = len(matrices)
    shapes = np.stack(
        [apply(matrix, mesh[:468].astype(np.float64)) for matrix, mesh in zip(matrices, faces["mesh"], strict=True)]
    )
    found: dict[str, list[np.ndarray]] = {name: [] for name in ARRAYS}
    for row, (name, mirrored) in enumerate(zip(faces["name"], faces["mirrored"], strict=True)):
        photo, labels = read(given.data, str(name))
        if mirrored:
            photo, labels = np.ascontiguousarray(photo[:, ::-1]), np.array(MIRROR, np.uint8)[labels[:, ::-1]]
        outer = apply(np.linalg.inv(np.vstack([matrices[row], [0, 0, 1]]))[:2], ring(shapes[row]))
        layers = textured(frame, photo, labels, np.concatenate([faces["mesh"][row, :468], outer]))
        for kind, arrays in found.items():
            arrays.append(layers[kind])
    np.savez(given.out / "frame.npz", mean=frame.mean, shapes=shapes.astype(np.float32))
    for kind, arrays in found.items():
        np.save(given.out / f"{kind}.npy", np.stack(arrays))
    print(f"{count} textures of {SIDE} pixels")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
