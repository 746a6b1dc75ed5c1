"""Fits the portrait model's linear part: components of textures and shapes, what a vector says of them, and attributes.

    python -m training.portraits.linear --out WORK

Needs what `prepare` wrote. How strongly the regression is held back is chosen by five folds over photos (a photo and
its mirror image stay together). Seeded; no network. Writes WORK/linear.safetensors and WORK/coefficients.npz.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file

from training.portraits.fitting import (
    ageing,
    chosen_ridge,
    components,
    degrees,
    likely,
    ridge,
    worn,
)
from training.portraits.outlines import STRAIGHT, outline_kinds
from workbench.mesh import OVAL, polygon
from workbench.models.portraits.appearance import FACE, SIZES, TEXTURE
from workbench.models.portraits.frame import SIDE

TEXTURES, SHAPES = 180, 40
OUTSIDE = 0.35
"""Weight of what lies outside the face, beside 1 inside, when components are found."""

HAIRS, CLOTHS = 2.5, 3.0
"""Weights of a cell of the colours of hair and of clothes beside one of the face's."""

FINER = 40
"""Coefficients that the face at full side follows."""

BROAD = 5.0
"""Pixels; what is broader than a blur of so many is left to the layers."""


ASKEW = 0.4
"""How readily what makes left and right differ is drawn and moved, beside 1."""

CALM = {"yaw": 0.6, "mouth": 0.6}
"""Attributes that the noise moves less than photos do."""

WARMTH = 0.4
"""How much of what vectors leave open of a skin's warmth is drawn."""

LEAST = 0.01
"""Share of the picture that hair or clothes must fill for their colours to count."""

ATTRIBUTES = ("yaw", "pitch", "mouth", "smile", "light_across", "light_down")


def lights(colours: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(n, 2), of (n, 256, 256, 3): by how much the face grows brighter to the image's right, and downward, in grey
    values per half face."""
    face = polygon(mean, OVAL, (SIDE, SIDE)) > 127
    y, x = np.nonzero(face)
    ground = np.stack([np.ones(len(x)), (x - x.mean()) / x.std(), (y - y.mean()) / y.std()], 1)
    grey = colours[:, face].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return grey @ np.linalg.pinv(ground).T[:, 1:]


def attributes(faces: dict[str, np.ndarray], shapes: np.ndarray, colours: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(n, 6) values of `ATTRIBUTES`, standardised."""
    corners, lips = shapes[:, [61, 291]].mean(1), shapes[:, [0, 17]].mean(1)
    smile = np.linalg.norm(shapes[:, 61] - shapes[:, 291], axis=1) + 2 * (lips - corners)[:, 1]
    found = np.column_stack([faces["pose"][:, 0], faces["pose"][:, 1], faces["mouth"], smile, lights(colours, mean)])
    standard: np.ndarray = (found - found.mean(0)) / found.std(0)
    return standard


def directions(values: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(a, k) orthonormal rows that tell standardised attributes (n, a) from standard coefficients (n, k)."""
    weight = ridge(scores, values, 0.05 * len(scores))
    basis, _ = np.linalg.qr(weight.T)
    signs = np.sign((basis.T * weight).sum(1))
    found: np.ndarray = basis.T * signs[:, None]
    return found


def layers(out: Path) -> np.ndarray:
    """(n, sum of `SIZES`) float32: every picture's layers in a row; who shows no hair or no clothes has the mean's
    colours of them."""
    share = np.load(out / "share.npy")
    parts = []
    for name, column in (("skin", None), ("hair", 0), ("clothes", 1)):
        colours = (
            np.load(out / f"{name}.npy").astype(np.float32).transpose(0, 3, 1, 2).reshape(len(share), -1) / 127.5 - 1
        )
        if column is not None:
            shows = share[:, column] > LEAST
            colours[~shows] = colours[shows].mean(0)
        parts.append(colours)
    return np.concatenate(parts, 1)


def weights(mean: np.ndarray) -> np.ndarray:
    """(sum of `SIZES`,): how much each number counts when components are found."""
    face = cv2.GaussianBlur(
        polygon(mean * TEXTURE / SIDE, OVAL, (TEXTURE, TEXTURE)).astype(np.float32) / 255, (0, 0), 4
    )
    skin = np.tile((OUTSIDE + (1 - OUTSIDE) * face).ravel(), 3)
    return np.concatenate(
        [skin, *(np.full(size, each, np.float32) for size, each in zip(SIZES[1:], (HAIRS, CLOTHS), strict=True))]
    )


def mirrored(rows: np.ndarray) -> np.ndarray:
    """Layers (n, sum of `SIZES`) as in a mirror."""
    parts = np.split(rows, np.cumsum(SIZES)[:-1], 1)
    sides = [round((size / 3) ** 0.5) for size in SIZES]
    squares = [part.reshape(len(rows), 3, side, side) for part, side in zip(parts, sides, strict=True)]
    return np.concatenate([square[..., ::-1].reshape(len(rows), -1) for square in squares], 1)


def mobility(loads: np.ndarray, count: int) -> np.ndarray:
    """(count,): 1 for components that are their own mirror image, `ASKEW` for those that are its opposite, 0 for the
    shape's."""
    alike = (loads * mirrored(loads)).sum(1) / (loads**2).sum(1)
    found = np.zeros(count)
    found[: len(loads)] = ASKEW + (1 - ASKEW) * (1 + alike) / 2
    return found


def brightnesses(
    loads: np.ndarray, centre: np.ndarray, mean: np.ndarray, count: int
) -> tuple[np.ndarray, float, np.ndarray]:
    """(count,), a number, (count,): the mean grey of the face as a linear function of the coefficients, and how red it
    is beside blue."""
    face = (polygon(mean * TEXTURE / SIDE, OVAL, (TEXTURE, TEXTURE)) > 127).astype(np.float32).ravel()
    found = []
    for channels in ((0.299, 0.587, 0.114), (1.0, 0.0, -1.0)):
        reader = np.concatenate([weight * face / face.sum() for weight in channels]) * 127.5
        row = np.zeros(count)
        row[: len(loads)] = loads[:, : SIZES[0]] @ reader
        found.append((row, float(centre[: SIZES[0]] @ reader)))
    return found[0][0], found[0][1] + 127.5, found[1][0]


def finer(
    loads: np.ndarray, centre: np.ndarray, scores: np.ndarray, mean: np.ndarray, out: Path
) -> tuple[np.ndarray, np.ndarray]:
    """(3·176·144,) and (FINER, as many): what photos of the frame's full side show in the face beyond the layers, on
    average and by coefficient, fading towards the face's outline.
    """
    photo = np.load(out / "photo.npy", mmap_mode="r")
    split, total, slopes = SIZES[0], np.zeros(1), np.zeros((FINER, 1))
    for at in range(0, len(photo), 100):
        skin = (centre[:split] + scores[at : at + 100] @ loads[:, :split]).astype(np.float32)
        squares = skin.reshape(-1, 3, TEXTURE, TEXTURE).transpose(0, 2, 3, 1)
        wide = np.stack([cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)[FACE] for square in squares])
        left = (photo[at : at + 100][:, FACE[0], FACE[1]].astype(np.float32) / 127.5 - 1 - wide).transpose(0, 3, 1, 2)
        flat = left.transpose(0, 2, 3, 1)
        low = np.stack([cv2.GaussianBlur(each, (0, 0), BROAD) for each in np.ascontiguousarray(flat)]).transpose(
            0, 3, 1, 2
        )
        left = (left - low).reshape(len(left), -1)
        total, slopes = total + left.sum(0), slopes + scores[at : at + 100, :FINER].T @ left
    inner = cv2.erode(polygon(mean, OVAL, (SIDE, SIDE)), np.ones((13, 13), np.uint8)).astype(np.float32) / 255
    fade = np.tile(cv2.GaussianBlur(inner, (0, 0), 4)[FACE].ravel(), 3)
    return fade * total / len(photo), fade * slopes / len(photo)


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, default=Path("build/portraits"))
    out = options.parse_args().out
    with np.load(out / "faces.npz", allow_pickle=False) as file:
        faces = dict(file)
    with np.load(out / "frame.npz", allow_pickle=False) as file:
        mean, shapes = file["mean"], file["shapes"]
    rows = layers(out)
    centre = rows.mean(0)
    weight = weights(mean)
    rows -= centre
    _, texture = components(rows * np.sqrt(weight), TEXTURES)
    loads = texture.T @ rows / len(rows)
    flat = shapes.reshape(len(shapes), -1)
    forms, shape = components(flat - flat.mean(0), SHAPES)
    scores = np.concatenate([texture, shape], 1).astype(np.float64)
    strength, left = chosen_ridge(faces["vector"].astype(np.float64), scores, faces["name"])
    vector_mean = faces["vector"].mean(0).astype(np.float64)
    regression = ridge(faces["vector"] - vector_mean, scores, strength)
    told = attributes(faces, shapes, np.load(out / "photo.npy", mmap_mode="r"), mean)
    basis = directions(told, scores)
    spread = np.cov(left, rowvar=False) + 1e-6 * np.eye(left.shape[1])
    fine_mean, fine = finer(loads, centre, texture, mean, out)
    mobile = mobility(loads, len(scores[0]))
    bright, base, warm = brightnesses(loads, centre, mean, len(scores[0]))
    with np.load(out / "grey.npz", allow_pickle=False) as file:
        ahead = np.abs(file["yaw"]) < 30
        seen, grey = file["vector"][ahead].astype(np.float64), file["brightness"][ahead].astype(np.float64)
        spectacles, spectacles_bias = worn(seen, file["glasses"][ahead])
    told_grey = ridge(seen - seen.mean(0), (grey - grey.mean())[:, None], 3.0)[0]
    _say_brightness(grey, (seen - seen.mean(0)) @ told_grey)
    residual = np.linalg.cholesky(spread) * np.where(mobile > 0, mobile, 1)[:, None]
    for row in (*basis, bright):
        part = row - (row @ basis.T) @ basis if row is bright else row
        warm = warm - (warm @ part) / (part @ part) * part
    warm /= np.linalg.norm(warm)
    residual -= (1 - WARMTH) * np.outer(warm, warm @ residual)
    straight = np.abs(faces["pose"][:, 0]) < STRAIGHT
    outlines = np.load(out / "outlines.npy")[straight]
    with np.load(out / "looks.npz", allow_pickle=False) as file:
        female, age = file["female"] > 0.5, file["age"].astype(np.float64)
    shapes_of, kinds, women = outline_kinds(
        outlines.reshape(len(outlines), -1), np.load(out / "inside.npy")[straight], female[straight], mean
    )
    choice, choice_bias = likely(faces["vector"][straight].astype(np.float64), kinds, women, faces["name"][straight])
    calm = np.array([CALM.get(name, 1.0) for name in ATTRIBUTES])
    tensors = {
        "mean": centre, "layers": loads, "fine_mean": fine_mean, "fine": fine, "shape_mean": flat.mean(0),
        "shapes": forms, "weight": regression, "bias": -regression @ vector_mean, "residual": residual, "mobile": mobile,  # noqa: E501
        "warm": warm, "outlines": shapes_of,
        "outline_weight": choice, "outline_bias": choice_bias, "bright": bright, "bright_base": np.array(base),
        "bright_weight": told_grey, "bright_bias": np.array(grey.mean() - seen.mean(0) @ told_grey),
        "women": women, "age": ageing(age, female, scores @ basis.T, scores),
        "glasses_weight": spectacles, "glasses_bias": np.array(spectacles_bias),
        "degrees": degrees(faces["pose"], scores @ basis.T),
        "attributes": basis, "attribute_spread": (scores @ basis.T).std(0) * calm, "frame": mean,
    }  # fmt: skip
    half = ("fine", "mean", "layers", "outlines")
    kept = {}
    for name, array in tensors.items():
        kept[name] = torch.tensor(array, dtype=torch.float16 if name in half else torch.float32).contiguous()
    save_file(kept, out / "linear.safetensors", {"attributes": ",".join(ATTRIBUTES), "ridge": str(strength)})
    np.savez(out / "coefficients.npz", scores=scores.astype(np.float32), left=left.astype(np.float32))
    alike = np.corrcoef(scores @ basis.T, told, rowvar=False)[:6, 6:].diagonal()
    print(f"ridge {strength}; attributes told from coefficients: {np.round(alike, 2)}")
    return 0


def _say_brightness(grey: np.ndarray, told: np.ndarray) -> None:
    left = np.std(grey - grey.mean() - told)
    alike = np.corrcoef(told, grey)[0, 1]
    print(f"brightness from {len(grey)} grey photos: correlation {alike:.2f}, left open {left:.0f} of {grey.std():.0f}")


if __name__ == "__main__":
    raise SystemExit(main())
